# Label-free: a ResNet-18 that knows ImageNet teaches a C3D on the videos of UCF-101.
# Settings of the original experiments (DistInit, Girdhar et al., ICCV 2019, with L2 on logits): the teacher sees each
# of the 16 frames, its logits are averaged, a student with the teacher's 1000 classes learns to give the same.
_base_ = ['_base_/runtime.py', '_base_/ucf101.py']

max_epochs = 45
learning_rate = 0.01  # for a batch of 32

model = dict(
    type='Distiller',
    use_labels=False,
    student_view=dict(size=112),  # the teacher's crop, halved
    student=dict(
        type='Recognizer3D',
        backbone=dict(type='C3D', norm_cfg=dict(type='BN3d'), out_dim=8192, dropout_ratio=0.5, init_std=0.005),
        # 1000 classes: the teacher's, not the data set's. Pooled features are what retrieval compares.
        cls_head=dict(type='I3DHead', num_classes=1000, in_channels=4096, spatial_type=None, dropout_ratio=0.0,
                      average_clips='score'),
        data_preprocessor=dict(type='ActionDataPreprocessor', mean=[101.00131, 97.3644226, 89.42114168],
                               std=[38.7568578, 37.88248729, 40.02898126], format_shape='NCTHW')),
    teacher=dict(type='ImageTeacher', model='torchvision.resnet18', weights='IMAGENET1K_V1', pooling='mean_logits',
                 chunk_size=256, view=dict(size=224)),
    terms=dict(distinit=dict(student='logits', teacher='logits', loss=dict(type='L2'))))

train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=max_epochs, val_interval=1)
optim_wrapper = dict(type='OptimWrapper',
                     optimizer=dict(type='SGD', lr=learning_rate, momentum=0.9, weight_decay=1e-4))
param_scheduler = [dict(type='MultiStepLR', milestones=[10, 20, 30, 40], gamma=0.1, by_epoch=True)]
auto_scale_lr = dict(enable=False, base_batch_size=32)

val_evaluator = [dict(type='ClipRetrieval')]  # no accuracy: the student does not know the data set's classes
test_evaluator = val_evaluator
default_hooks = dict(checkpoint=dict(save_best='retrieval/top5', rule='greater'))
