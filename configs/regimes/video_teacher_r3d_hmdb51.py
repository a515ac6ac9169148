# A video network teaches one of its own kind: a stage of configs/stages/. Born-again networks (Furlanello et al., ICML
# 2018) are this with a teacher of the student's size, teacher assistants (Mirzadeh et al., AAAI 2020) with one between.
_base_ = ['../_base_/runtime.py', '../_base_/hmdb51.py']

temperature = 4.0
max_epochs = 120

r3d18 = dict(
    type='Recognizer3D',
    backbone=dict(
        type='ResNet3d', depth=18, pretrained=None,
        conv1_kernel=(3, 7, 7), conv1_stride_s=2, with_pool1=False, with_pool2=False,
        inflate_style='3x3x3', temporal_strides=(1, 2, 2, 2), zero_init_residual=False),
    cls_head=dict(type='I3DHead', num_classes=51, in_channels=512, dropout_ratio=0.5, average_clips='prob'),
    data_preprocessor=dict(type='ActionDataPreprocessor', mean=[110.637, 103.161, 96.290],
                           std=[38.757, 37.882, 40.029], format_shape='NCTHW'))
model = dict(
    type='Distiller',
    student_view=dict(size=112),
    student=r3d18,
    teacher=dict(type='RecognizerTeacher', recognizer=r3d18, view=dict(size=112),
                 weights='{{$HMDB51_VIDEO_TEACHER:work_dirs/video_teacher.pth}}'),  # an exported student
    terms=dict(kd=dict(student='logits', teacher='logits', loss=dict(type='KLDivergence', temperature=temperature))))

train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=max_epochs, val_interval=1)
optim_wrapper = dict(type='OptimWrapper', clip_grad=dict(max_norm=20),
                     optimizer=dict(type='SGD', lr=0.02, momentum=0.9, weight_decay=1e-4))
param_scheduler = [dict(type='CosineAnnealingLR', T_max=max_epochs, by_epoch=True, convert_to_iter_based=True)]
val_evaluator = [dict(type='QueryAccuracy'), dict(type='ClipRetrieval')]
test_evaluator = val_evaluator
default_hooks = dict(checkpoint=dict(save_best='acc/top1', rule='greater'))
