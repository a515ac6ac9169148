# Label-free pre-training from CLIP by way of texts: the student is to be as near to each stored sentence ("a video of
# archery", ...) as CLIP's embedding of the frames is. The file of sentences is an .npz of `features` (K, D), from CLIP's
# own text encoder, and `classes` (K,), what they say. Needs timm, for CLIP's image network and weights.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/ucf101.py', '../_base_/students/r3d18.py',
          '../_base_/schedules/sgd_45e.py']

text_features = '{{$UCF101_TEXT_FEATURES:work_dirs/ucf101_text_features.npz}}'

model = dict(
    use_labels=False,
    student=dict(cls_head=dict(num_classes=101, dropout_ratio=0.0, average_clips='score'),
                 data_preprocessor=_base_.statistics),
    teacher=dict(type='EmbeddingTeacher', model='timm.vit_base_patch16_clip_224.openai', weights='pretrained',
                 view=dict(size=224, frame_stride=4)),
    terms=dict(text=dict(student='features', teacher='features', loss=dict(type='TextLogits', text_features=text_features),
                         student_connector=dict(type='MLPProjection', in_channels='auto', out_channels='auto'))))

val_evaluator, test_evaluator = _base_.retrieval_alone  # no accuracy: the head is never trained
default_hooks = dict(checkpoint=dict(save_best='quick_retrieval/top5', rule='greater'))
