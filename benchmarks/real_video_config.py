# What all rows of benchmarks/real_video.py share; the script fills in paths, teacher, seed and terms.
num_frames = 8
frame_interval = 4       # 8 frames over a good second: with neighbouring frames a clip is little more than an image
student_pixels = 56
teacher_pixels = 160     # MobileNetV2 at 160² still retrieves as well as at 224², for half the arithmetic
teacher_frame_stride = 4  # two of the eight frames: their features hardly change within a second
num_eval_clips = 4       # a video, evenly spaced; 10 in the protocol for full-size students
channels = 24            # of the student's stem; 192 at its end
batch_size = 8           # with so few videos, more and smaller steps helped the student that learns from labels alone
epochs = 25              # over all training videos; rows with fewer videos get as many steps
learning_rate = 1e-3
weight_decay = 0.05
warmup_share = 0.08

default_scope = 'kdtoolbox'
env_cfg = dict(mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0), dist_cfg=dict(backend='gloo'))
log_level = 'WARNING'
load_from = None
resume = False
visualizer = dict(type='ActionVisualizer', vis_backends=[dict(type='LocalVisBackend')])
default_hooks = dict(logger=dict(type='LoggerHook', interval=50), checkpoint=dict(type='CheckpointHook', interval=1000))
custom_hooks = [dict(type='EpochSeedHook'), dict(type='SetDatasetEpochHook'), dict(type='PlainCheckpointHook'),
                dict(type='PreflightHook')]

pack = [dict(type='FormatShape', input_format='NCTHW'),
        dict(type='PackActionInputs', meta_keys=('sample_id', 'role'))]
train_pipeline = [
    dict(type='OpenVideo'),
    dict(type='SampleFrames', clip_len=num_frames, frame_interval=frame_interval, num_clips=1),
    dict(type='DecodeClip'),
    dict(type='RandomResizedCrop', area_range=(0.35, 1.0)),
    dict(type='Resize', scale=(teacher_pixels, teacher_pixels), keep_ratio=False),
    dict(type='Flip', flip_ratio=0.5), *pack]
val_pipeline = [
    dict(type='OpenVideo'),
    dict(type='SampleClipsEvenly', clip_len=num_frames, num_clips=num_eval_clips, frame_stride=frame_interval),
    dict(type='DecodeClip'),
    dict(type='Resize', scale=(-1, 64)),
    dict(type='CenterCrop', crop_size=student_pixels), *pack]
teacher_pipeline = [*val_pipeline[:3], dict(type='Resize', scale=(-1, 182)),
                    dict(type='CenterCrop', crop_size=teacher_pixels), *pack]

model = dict(
    type='Distiller', student_view=dict(size=student_pixels),
    student=dict(
        type='Recognizer3D',
        backbone=dict(type='ResNet3d', depth=18, pretrained=None, pretrained2d=False, base_channels=channels,
                      conv1_kernel=(3, 7, 7), with_pool2=False, inflate_style='3x3x3', temporal_strides=(1, 2, 2, 2),
                      zero_init_residual=False),
        cls_head=dict(type='I3DHead', num_classes=1, in_channels=8 * channels, dropout_ratio=0.0,
                      label_smooth_eps=0.1, average_clips='prob'),
        data_preprocessor=dict(type='ActionDataPreprocessor', mean=[123.675, 116.28, 103.53],
                               std=[58.395, 57.12, 57.375], format_shape='NCTHW')),
    teacher=dict(type='ImageTeacher', view=dict(size=teacher_pixels, frame_stride=teacher_frame_stride)),
    terms=dict())

train_dataloader = dict(batch_size=batch_size, num_workers=2, persistent_workers=True, drop_last=True,
                        sampler=dict(type='DefaultSampler', shuffle=True), dataset=None)
val_dataloader = dict(batch_size=8, num_workers=2, sampler=dict(type='DefaultSampler', shuffle=False),
                      dataset=dict(type='ConcatDataset', datasets=[]))
test_dataloader = val_dataloader
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=epochs, val_interval=1000)  # only after the last epoch
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
val_evaluator = [dict(type='ClipRetrieval', topk=(1, 5, 10)), dict(type='QueryAccuracy')]
test_evaluator = val_evaluator
optim_wrapper = dict(optimizer=dict(type='AdamW', lr=learning_rate, weight_decay=weight_decay),
                     paramwise_cfg=dict(norm_decay_mult=0.0, bias_decay_mult=0.0))
param_scheduler = []  # linear warm-up and cosine, by the number of steps of the row
