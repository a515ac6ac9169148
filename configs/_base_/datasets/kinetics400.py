# Kinetics-400. As HMDB-51, see hmdb51.py, but for validation: a part of the gallery and three clips a video, since
# there are 20,000 queries. Kinetics-600 and -700: other files, and as many classes.
data_root = '{{$KINETICS400_VIDEOS:data/kinetics400/videos}}'  # <class>/<youtube_id>_<start>_<end>.mp4, or flat
ann_file = '{{$KINETICS400_ANNOTATIONS:data/kinetics400/kinetics.json}}'  # kdtoolbox prepare kinetics writes it
source = dict(type='KineticsDataset', data_root=data_root, ann_file=ann_file)
# Of its colours, red, green, blue, on the scale 0 to 255, as in the original experiments.
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
    dict(type='SampleClipsEvenly', clip_len=16, num_clips=3),  # 10 for the last word
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
        # Ten training videos of each class: all of them would take longer to look at than an epoch of training.
        dict(source, subset='training', role='gallery', labels_per_class=10, pipeline=val_pipeline, test_mode=True),
        dict(source, subset='validation', role='query', pipeline=val_pipeline, test_mode=True)]))
test_dataloader = val_dataloader

val_evaluator = [dict(type='QueryAccuracy'), dict(type='ClipRetrieval')]
test_evaluator = val_evaluator
