# Self-distillation: the student's own running average (mean teacher, Tarvainen & Valpola, NeurIPS 2017) teaches it, on
# labelled and unlabelled videos.
_base_ = ['../_base_/runtime.py', '../_base_/hmdb51.py']

decay = 0.999       # of the average: it looks about 1000 steps back
labels_per_class = 7
rampup = 0.2        # share of the training over which the average comes to count: at first it knows nothing
max_epochs = 120

model = dict(
    type='Distiller',
    student_view=dict(size=112),
    student=dict(
        type='Recognizer3D',
        backbone=dict(
            type='ResNet3d', depth=18, pretrained=None,
            conv1_kernel=(3, 7, 7), conv1_stride_s=2, with_pool1=False, with_pool2=False,
            inflate_style='3x3x3', temporal_strides=(1, 2, 2, 2), zero_init_residual=False),
        cls_head=dict(type='I3DHead', num_classes=51, in_channels=512, dropout_ratio=0.5, average_clips='prob'),
        data_preprocessor=dict(type='ActionDataPreprocessor', mean=[110.637, 103.161, 96.290],
                               std=[38.757, 37.882, 40.029], format_shape='NCTHW')),
    teacher=dict(type='EMATeacher', decay=decay, view=dict(size=112)),
    terms=dict(consistency=dict(student='logits', teacher='logits', weight=1.0,
                                weight_schedule=[(0.0, 0.01), (rampup, 1.0)],
                                loss=dict(type='KLDivergence', temperature=1.0))))
train_dataloader = dict(dataset=dict(labels_per_class=labels_per_class, unlabelled='keep'))
custom_hooks = [dict(type='EpochSeedHook'), dict(type='SetDatasetEpochHook'), dict(type='PlainCheckpointHook'),
                dict(type='PreflightHook'), dict(type='EMATeacherHook')]  # the last moves the teacher and saves it

train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=max_epochs, val_interval=1)
optim_wrapper = dict(type='OptimWrapper', clip_grad=dict(max_norm=20),
                     optimizer=dict(type='SGD', lr=0.02, momentum=0.9, weight_decay=1e-4))
param_scheduler = [dict(type='CosineAnnealingLR', T_max=max_epochs, by_epoch=True, convert_to_iter_based=True)]
val_evaluator = [dict(type='QueryAccuracy'), dict(type='ClipRetrieval')]
test_evaluator = val_evaluator
default_hooks = dict(checkpoint=dict(save_best='acc/top1', rule='greater'))
