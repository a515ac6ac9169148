# The demo's student: a small R3D learns from an image network that only ever saw stills.
# As it stands, it learns without labels. `kdtoolbox demo` trains it in two more ways, by options, on the same steps:
#   few labels only:            model.use_labels=True model.terms.kd.weight=0
#                               train_dataloader.dataset.labels_per_class=3
#   few labels + distillation:  model.use_labels=True train_dataloader.dataset.unlabelled=keep
#                               train_dataloader.dataset.labels_per_class=3
_base_ = ['../_base_/default_runtime.py']

data_root = 'work_dirs/demo/digits/videos'
ann_file = 'work_dirs/demo/digits/annotations'
teacher_weights = 'work_dirs/demo/image_teacher.pth'
temperature = 2.0          # softens both sides: which wrong classes the teacher thinks near is worth learning too
distillation_weight = 1.0  # beside the cross-entropy of the labels, where they are used
max_iters = 500            # steps, not epochs: with few labels an epoch has few steps
learning_rate = 3e-3
batch_size = 16

model = dict(
    type='Distiller',
    use_labels=False,
    student_view=dict(size=32),  # of the crop's 56 pixels; the teacher sees 48
    student=dict(
        type='Recognizer3D',
        backbone=dict(
            # R3D-18 without its last stage, a quarter as wide: learns more in a minute than all four stages do.
            type='ResNet3d', depth=18, pretrained=None, pretrained2d=False, base_channels=16, num_stages=3,
            conv1_kernel=(3, 5, 5), conv1_stride_s=2, with_pool1=False, with_pool2=False, inflate_style='3x3x3',
            spatial_strides=(1, 2, 2), temporal_strides=(1, 2, 2), dilations=(1, 1, 1), inflate=(1, 1, 1),
            non_local=(0, 0, 0), out_indices=(2,), zero_init_residual=False),
        cls_head=dict(type='I3DHead', num_classes=10, in_channels=64, dropout_ratio=0.0, average_clips='prob'),
        data_preprocessor=dict(type='ActionDataPreprocessor', mean=[110.0] * 3, std=[50.0] * 3,
                               format_shape='NCTHW')),
    teacher=dict(
        type='ImageTeacher', weights=teacher_weights, pooling='mean_logits',
        view=dict(size=48, frame_stride=4),  # two of the 8 frames tell nearly as much for a quarter of the time
        model=dict(  # as in image_teacher.py
            type='Recognizer2D',
            backbone=dict(type='ResNet', depth=18, pretrained=None, num_stages=2, strides=(1, 2), dilations=(1, 1),
                          out_indices=(1,)),
            cls_head=dict(type='TSNHead', num_classes=10, in_channels=128, dropout_ratio=0.0, average_clips='prob'),
            data_preprocessor=dict(type='ActionDataPreprocessor', mean=[110.0] * 3, std=[50.0] * 3,
                                   format_shape='NCHW'))),
    terms=dict(kd=dict(student='logits', teacher='logits', weight=distillation_weight,
                       loss=dict(type='KLDivergence', temperature=temperature))))

clip_pipeline = [
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs', meta_keys=('sample_id', 'role')),
]
train_pipeline = [
    dict(type='OpenVideo'),
    dict(type='SampleFrames', clip_len=8, frame_interval=2, num_clips=1, out_of_bound_opt='loop'),
    dict(type='DecodeClip'),
    dict(type='RandomCrop', size=56),  # no flip: a mirrored digit is another sign
    *clip_pipeline,
]
test_pipeline = [
    dict(type='OpenVideo'),
    dict(type='SampleClipsEvenly', clip_len=8, num_clips=2, frame_stride=2),  # two clips see all of 24 frames
    dict(type='DecodeClip'),
    dict(type='CenterCrop', crop_size=56),
    # By area: as smooth as the student's view in training, which is antialiased.
    dict(type='Resize', scale=(32, 32), keep_ratio=False, interpolation='area'),
    *clip_pipeline,
]
source = dict(type='HMDB51Dataset', data_root=data_root, ann_file=ann_file)
train_dataloader = dict(
    # No workers: decoding such small videos takes less than a step, and both cores are busy with the steps.
    batch_size=batch_size, num_workers=0,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(source, subset='training', pipeline=train_pipeline))
test_dataloader = dict(
    batch_size=16, num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(type='ConcatDataset', datasets=[
        dict(source, subset='training', role='gallery', pipeline=test_pipeline, test_mode=True),
        dict(source, subset='validation', role='query', pipeline=test_pipeline, test_mode=True)]))
test_evaluator = [dict(type='QueryAccuracy'), dict(type='ClipRetrieval', topk=(1, 5))]
val_cfg = None  # the demo tests each student once, when it is trained

train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters)
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='AdamW', lr=learning_rate, weight_decay=0.02))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, begin=0, end=max_iters // 20, by_epoch=False),
    dict(type='CosineAnnealingLR', begin=max_iters // 20, end=max_iters, T_max=max_iters - max_iters // 20,
         by_epoch=False)]
log_processor = dict(by_epoch=False)
default_hooks = dict(checkpoint=dict(by_epoch=False, interval=max_iters, max_keep_ckpts=1))
