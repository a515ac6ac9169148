# What all of configs/methods/ share, so that they differ in their terms alone: an R3D-18 learns HMDB-51 from its labels
# and from a ResNet-50 that knows ImageNet, 16 frames of 112². A linear probe gives the teacher the 51 classes:
#   python tools/fit_probe.py configs/methods/dkd.py --out work_dirs/hmdb51_probe.pth
teacher_frame_stride = 4   # neighbouring frames look alike: 4 of the 16 give nearly the same answer for a quarter
max_epochs = 120           # HMDB-51 is small, a student from scratch needs many passes
warmup_epochs = 5
learning_rate = 0.02       # for a batch of 32; --auto-scale-lr adapts it to another

model = dict(
    type='Distiller',
    student_view=dict(size=112),
    clip_shape=(16, 224, 224),
    student=dict(
        type='Recognizer3D',
        # Maps of layer1 to layer4: 64, 128, 256, 512 channels; 16, 8, 4, 2 time steps; 56², 28², 14², 7².
        backbone=dict(
            type='ResNet3d', depth=18, pretrained=None,
            conv1_kernel=(3, 7, 7), conv1_stride_s=2, with_pool1=False, with_pool2=False,
            inflate_style='3x3x3', temporal_strides=(1, 2, 2, 2), zero_init_residual=False),
        cls_head=dict(type='I3DHead', num_classes=51, in_channels=512, dropout_ratio=0.5, average_clips='prob'),
        # Kinetics' statistics, which are what video students are usually given.
        data_preprocessor=dict(type='ActionDataPreprocessor', mean=[110.637, 103.161, 96.290],
                               std=[38.757, 37.882, 40.029], format_shape='NCTHW')),
    teacher=dict(
        # Maps of layer1 to layer4: 256, 512, 1024, 2048 channels; 4 time steps; the student's heights and widths.
        type='ImageTeacher', model='torchvision.resnet50',
        weights='IMAGENET1K_V1',  # V2 was trained with smoothed and mixed labels, which makes for flatter answers
        probe='{{$HMDB51_PROBE:work_dirs/hmdb51_probe.pth}}', pooling='mean_logits', chunk_size=128,
        view=dict(size=224, frame_stride=teacher_frame_stride)))

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
# What is kept, default_hooks, is said in each config: runtime.py has the others, and two bases may not share a key.
