# Your own videos, a folder for each class. As HMDB-51, see hmdb51.py; docs/datasets/your_own.md has all there is to say.
data_root = '{{$FOLDER_VIDEOS:data/mine}}'  # <class>/<video>
ann_file = '{{$FOLDER_ANNOTATIONS:data/mine/split.json}}'  # kdtoolbox prepare folder writes it
source = dict(type='FolderDataset', data_root=data_root, ann_file=ann_file)
# Kinetics', which are near those of most videos.
statistics = dict(mean=[110.63666788, 103.16065604, 96.29023126], std=[38.7568578, 37.88248729, 40.02898126])

clip_pipeline = [
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs', meta_keys=('sample_id', 'role')),
]
train_pipeline = [
    dict(type='OpenVideo'),
    dict(type='SampleFrames', clip_len=16, num_clips=1, out_of_bound_opt='loop'),
    dict(type='DecodeClip'),
    # Square crops of five scales from the corners or the centre.
    dict(type='MultiScaleCrop', input_size=224, scales=(1, 0.8409, 0.7071, 0.5946, 0.5), max_wh_scale_gap=0,
         random_crop=False, num_fixed_crops=5),
    dict(type='Resize', scale=(224, 224), keep_ratio=False),
    dict(type='Flip', flip_ratio=0.5),
    *clip_pipeline,
]
validation_size = 112  # with another model.student_view.size, the Resize and the crop below are scaled alike
val_pipeline = [
    dict(type='OpenVideo'),
    dict(type='SampleClipsEvenly', clip_len=16, num_clips=10),
    dict(type='DecodeClip'),
    dict(type='Resize', scale=(171, 128), keep_ratio=False),
    dict(type='CenterCrop', crop_size=112),
    *clip_pipeline,
]
train_dataloader = dict(
    batch_size=32, num_workers=8, persistent_workers=True, drop_last=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(source, subset='training', pipeline=train_pipeline))
val_dataloader = dict(
    batch_size=8, num_workers=8, persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(type='ConcatDataset', datasets=[
        dict(source, subset='training', role='gallery', pipeline=val_pipeline, test_mode=True),
        dict(source, subset='validation', role='query', pipeline=val_pipeline, test_mode=True)]))
test_dataloader = val_dataloader

val_evaluator = [dict(type='QueryAccuracy'), dict(type='ClipRetrieval')]
test_evaluator = val_evaluator
