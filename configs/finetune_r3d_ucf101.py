# Fine-tuning: a distilled R3D-18 learns the 101 classes of UCF-101 from their labels, split 1, 16 frames of 112².
# The comparison that papers make of such students. Second step of a chain; the first, with any data, and this one:
#   python tools/train.py configs/distinit_r2d_to_r3d_ucf101.py
#   python tools/export_student.py work_dirs/distinit_r2d_to_r3d_ucf101/epoch_45.pth student.pth
#   python tools/train.py configs/finetune_r3d_ucf101.py --cfg-options load_from=student.pth
# Without load_from the student starts from random weights: the baseline to measure a gain against.
_base_ = ['_base_/runtime.py', '_base_/ucf101.py']

max_epochs = 60        # with the learning rate, usual for small data sets; neither was tuned
warmup_epochs = 3      # the new head's first gradients say nothing; they should not undo what was learned
learning_rate = 0.01   # for a batch of 32; --auto-scale-lr adapts it to another
num_test_clips = 10    # times 3 crops: 30 views a video, whose probabilities and features are averaged

model = dict(
    type='Distiller',  # with no teacher and no terms: plain training, with the student's view and its features
    student_view=dict(size=112),
    student=dict(
        type='Recognizer3D',
        backbone=dict(
            type='ResNet3d', depth=18, pretrained=None,
            conv1_kernel=(3, 7, 7), conv1_stride_s=2, with_pool1=False, with_pool2=False,
            inflate_style='3x3x3', temporal_strides=(1, 2, 2, 2), zero_init_residual=False),
        cls_head=dict(type='I3DHead', num_classes=101, in_channels=512, dropout_ratio=0.5, average_clips='prob'),
        # Those the student learned with; training warns if they differ.
        data_preprocessor=dict(type='ActionDataPreprocessor', mean=[101.00131, 97.3644226, 89.42114168],
                               std=[38.7568578, 37.88248729, 40.02898126], format_shape='NCTHW')))
custom_hooks = [
    dict(type='EpochSeedHook'), dict(type='SetDatasetEpochHook'),
    dict(type='PlainCheckpointHook', replace_head=True),  # load_from gives all of the student but its classifier
    dict(type='PreflightHook'), dict(type='EvaluationProgressHook')]

train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=max_epochs, val_interval=1)
optim_wrapper = dict(type='OptimWrapper', clip_grad=dict(max_norm=20),
                     optimizer=dict(type='SGD', lr=learning_rate, momentum=0.9, weight_decay=5e-4))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, begin=0, end=warmup_epochs, by_epoch=True, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', begin=warmup_epochs, end=max_epochs, T_max=max_epochs - warmup_epochs,
         by_epoch=True, convert_to_iter_based=True)]
auto_scale_lr = dict(enable=False, base_batch_size=32)

val_evaluator = [dict(type='QueryAccuracy'), dict(type='ClipRetrieval')]
default_hooks = dict(checkpoint=dict(save_best='acc/top1', rule='greater'))

# Testing: 10 clips evenly spaced over the video, three square crops of each from side to side.
test_pipeline = [
    dict(type='OpenVideo'),
    dict(type='SampleClipsEvenly', clip_len=16, num_clips=num_test_clips),
    dict(type='DecodeClip'),
    dict(type='Resize', scale=(-1, 128)),  # the shorter side; the network is convolutional and takes 128² as well
    dict(type='ThreeCrop', crop_size=128),
    *_base_.clip_pipeline,
]
test_dataloader = dict(batch_size=2, dataset=dict(datasets=[  # 60 views at once
    dict(_base_.source, subset='training', role='gallery', pipeline=test_pipeline, test_mode=True),
    dict(_base_.source, subset='validation', role='query', pipeline=test_pipeline, test_mode=True)]))
test_evaluator = val_evaluator
