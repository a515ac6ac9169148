# HMDB-51, split 1.
# Training: one random clip of 16 frames a video, cropped to 224² (the teacher's size; the student's view halves it).
# Validation: 10 clips evenly spaced over the video, 112² centre crop, on the gallery (training videos) and the queries
# (test videos) of clip retrieval; accuracy is that on the queries.
data_root = '{{$HMDB51_VIDEOS:data/hmdb51/videos}}'        # <class>/<name>.avi
# The 153 <class>_test_split<n>.txt, or a JSON file:
ann_file = '{{$HMDB51_ANNOTATIONS:data/hmdb51/annotations}}'
source = dict(type='HMDB51Dataset', data_root=data_root, ann_file=ann_file, split=1)
# Kinetics' statistics, as in the original experiments.
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
