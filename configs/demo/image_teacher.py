# The demo's teacher, tested on videos: a 2D network that looks at the frames and averages its answers.
# It is trained on still images by `kdtoolbox demo`, not from this file; see video_student.py for what it teaches.
_base_ = ['../_base_/default_runtime.py']

data_root = 'work_dirs/demo/digits/videos'
ann_file = 'work_dirs/demo/digits/annotations'

model = dict(
    type='Distiller',  # with no teacher and no terms: just the recognizer, with its features for retrieval
    student=dict(
        type='Recognizer2D',
        # ResNet-18 without its two deep stages: 48 pixels need no more, and it learns in half a minute.
        backbone=dict(type='ResNet', depth=18, pretrained=None, num_stages=2, strides=(1, 2), dilations=(1, 1),
                      out_indices=(1,)),
        cls_head=dict(type='TSNHead', num_classes=10, in_channels=128, dropout_ratio=0.0, average_clips='prob'),
        data_preprocessor=dict(type='ActionDataPreprocessor', mean=[110.0] * 3, std=[50.0] * 3, format_shape='NCHW')))

test_pipeline = [
    dict(type='OpenVideo'),
    dict(type='SampleClipsEvenly', clip_len=8, num_clips=1, frame_stride=3),  # the whole video, every third frame
    dict(type='DecodeClip'),
    dict(type='CenterCrop', crop_size=56),
    # The size that the demo trains it at; by area, as smooth as the antialiased view in training.
    dict(type='Resize', scale=(48, 48), keep_ratio=False, interpolation='area'),
    dict(type='FormatShape', input_format='NCHW'),
    dict(type='PackActionInputs', meta_keys=('sample_id', 'role')),
]
source = dict(type='HMDB51Dataset', data_root=data_root, ann_file=ann_file, pipeline=test_pipeline, test_mode=True)
test_dataloader = dict(
    batch_size=16, num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(type='ConcatDataset', datasets=[
        dict(source, subset='training', role='gallery'), dict(source, subset='validation', role='query')]))
test_evaluator = [dict(type='QueryAccuracy'), dict(type='ClipRetrieval', topk=(1, 5))]
val_cfg = None
