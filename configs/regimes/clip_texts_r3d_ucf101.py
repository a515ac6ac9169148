# Label-free pre-training from CLIP by way of texts: the student is to be as near to each stored sentence ("a video of
# archery", ...) as CLIP's embedding of the frames is. The file of sentences is an .npz of `features` (K, D), from CLIP's
# own text encoder, and `classes` (K,), what they say. Needs timm, for CLIP's image network and weights.
_base_ = ['../_base_/runtime.py', '../_base_/ucf101.py']

max_epochs = 45
text_features = '{{$UCF101_TEXT_FEATURES:work_dirs/ucf101_text_features.npz}}'

model = dict(
    type='Distiller',
    use_labels=False,
    student_view=dict(size=112),
    student=dict(
        type='Recognizer3D',
        backbone=dict(
            type='ResNet3d', depth=18, pretrained=None,
            conv1_kernel=(3, 7, 7), conv1_stride_s=2, with_pool1=False, with_pool2=False,
            inflate_style='3x3x3', temporal_strides=(1, 2, 2, 2), zero_init_residual=False),
        cls_head=dict(type='I3DHead', num_classes=101, in_channels=512, dropout_ratio=0.0, average_clips='score'),
        data_preprocessor=dict(type='ActionDataPreprocessor', mean=[101.00131, 97.3644226, 89.42114168],
                               std=[38.7568578, 37.88248729, 40.02898126], format_shape='NCTHW')),
    teacher=dict(type='EmbeddingTeacher', model='timm.vit_base_patch16_clip_224.openai', weights='pretrained',
                 view=dict(size=224, frame_stride=4)),
    terms=dict(text=dict(student='features', teacher='features', loss=dict(type='TextLogits', text_features=text_features),
                         student_connector=dict(type='MLPProjection', in_channels='auto', out_channels='auto'))))

train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=max_epochs, val_interval=1)
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.05, momentum=0.9, weight_decay=1e-4))
param_scheduler = [dict(type='CosineAnnealingLR', T_max=max_epochs, by_epoch=True, convert_to_iter_based=True)]
val_evaluator = [dict(type='ClipRetrieval')]  # no accuracy: the head is never trained
test_evaluator = val_evaluator
default_hooks = dict(checkpoint=dict(save_best='retrieval/top5', rule='greater'))
