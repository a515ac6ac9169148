# Label-free pre-training from an image foundation model: the student's features point where CLIP's (or DINOv2's)
# embeddings of the frames point. Needs timm, for its networks and weights.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/ucf101.py', '../_base_/students/r3d18.py',
          '../_base_/schedules/sgd_45e.py']

model = dict(
    use_labels=False,
    student=dict(cls_head=dict(num_classes=101, dropout_ratio=0.0, average_clips='score'),
                 data_preprocessor=_base_.statistics),
    teacher=dict(type='EmbeddingTeacher', model='timm.vit_base_patch16_clip_224.openai', weights='pretrained',
                 view=dict(size=224, frame_stride=4)),  # or 'timm.vit_small_patch14_dinov2.lvd142m'
    terms=dict(embedding=dict(student='features', teacher='features', loss=dict(type='Cosine'),
                              student_connector=dict(type='MLPProjection', in_channels='auto', out_channels='auto'))))

val_evaluator, test_evaluator = _base_.retrieval_alone  # no accuracy: the head is never trained
default_hooks = dict(checkpoint=dict(save_best='quick_retrieval/top5', rule='greater'))
