# The demo's videos of moving digits, ten classes, in the layout of HMDB-51; `kdtoolbox demo` writes them.
data_root = 'work_dirs/demo/digits/videos'
ann_file = 'work_dirs/demo/digits/annotations'
source = dict(type='HMDB51Dataset', data_root=data_root, ann_file=ann_file)

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
train_dataloader = dict(
    # No workers: decoding such small videos takes less than a step, and both cores are busy with the steps.
    batch_size=16, num_workers=0,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(source, subset='training', pipeline=train_pipeline))
test_dataloader = dict(
    batch_size=16, num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(type='ConcatDataset', datasets=[
        dict(source, subset='training', role='gallery', pipeline=test_pipeline, test_mode=True),
        dict(source, subset='validation', role='query', pipeline=test_pipeline, test_mode=True)]))
test_evaluator = [dict(type='QueryAccuracy'), dict(type='ClipRetrieval', topk=(1, 5))]
