# A ResNet-50 that knows ImageNet teaches a C3D on HMDB-51, 16 frames of 112².
# The student's own head learns the data set's 51 classes from the labels; a second, linear head on its features
# learns to agree with the teacher about ImageNet's 1000, so that the two label spaces need not match.
_base_ = ['_base_/runtime.py', '_base_/hmdb51.py']

temperature = 4.0          # softens both sides: what the teacher thinks of its wrong classes is what there is to learn
distillation_weight = 1.0  # beside the cross-entropy of the labels, whose weight is 1
teacher_frame_stride = 4   # neighbouring frames look alike: 4 of the 16 give nearly the same answer for a quarter
max_epochs = 120           # HMDB-51 is small, a student from scratch needs many passes
warmup_epochs = 5
learning_rate = 0.02       # for a batch of 32; --auto-scale-lr adapts it to another

model = dict(
    type='Distiller',
    student_view=dict(size=112),
    student=dict(
        type='Recognizer3D',
        backbone=dict(type='C3D', norm_cfg=dict(type='BN3d'), out_dim=8192, dropout_ratio=0.5, init_std=0.005),
        cls_head=dict(type='I3DHead', num_classes=51, in_channels=4096, spatial_type=None, dropout_ratio=0.5,
                      average_clips='prob'),
        # Kinetics' statistics, which are what video students are usually given.
        data_preprocessor=dict(type='ActionDataPreprocessor', mean=[110.637, 103.161, 96.290],
                               std=[38.757, 37.882, 40.029], format_shape='NCTHW')),
    teacher=dict(
        type='ImageTeacher', model='torchvision.resnet50',
        weights='IMAGENET1K_V1',  # V2 was trained with smoothed and mixed labels, which makes for flatter answers
        pooling='mean_logits', chunk_size=128, view=dict(size=224, frame_stride=teacher_frame_stride)),
    terms=dict(
        kd=dict(student='features', teacher='logits', weight=distillation_weight,
                student_connector=dict(type='LinearProjection', in_channels=4096, out_channels=1000),
                loss=dict(type='KLDivergence', temperature=temperature))))

train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=max_epochs, val_interval=1)
optim_wrapper = dict(type='OptimWrapper', clip_grad=dict(max_norm=20),
                     optimizer=dict(type='SGD', lr=learning_rate, momentum=0.9, weight_decay=1e-4))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, begin=0, end=warmup_epochs, by_epoch=True, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', begin=warmup_epochs, end=max_epochs, T_max=max_epochs - warmup_epochs,
         by_epoch=True, convert_to_iter_based=True)]
auto_scale_lr = dict(enable=False, base_batch_size=32)

val_evaluator = [dict(type='QueryAccuracy'), dict(type='ClipRetrieval')]
test_evaluator = val_evaluator
default_hooks = dict(checkpoint=dict(save_best='acc/top1', rule='greater'))
