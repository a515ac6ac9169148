# UCF-101, split 1.
# Training: one random clip of 16 frames a video, cropped to 224² (the teacher's size; the student's view halves it).
# Validation: 10 clips evenly spaced over the video, 112² centre crop, on the gallery (training videos) and the queries
# (test videos) of clip retrieval; accuracy is that on the queries.
data_root = '{{$UCF101_VIDEOS:data/ucf101/videos}}'        # <Class>/v_<Class>_g<group>_c<clip>.avi
# classInd.txt, trainlist0<n>.txt, testlist0<n>.txt, or a JSON file:
ann_file = '{{$UCF101_ANNOTATIONS:data/ucf101/annotations}}'
source = dict(type='UCF101Dataset', data_root=data_root, ann_file=ann_file, split=1)
# Of its colours, red, green, blue, on the scale 0 to 255, as in the original experiments.
statistics = dict(mean=[101.00131, 97.3644226, 89.42114168], std=[38.7568578, 37.88248729, 40.02898126])

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
