# The demo's teacher, tested on videos: a 2D network that looks at the frames and averages its answers.
# It is trained on still images by `kdtoolbox demo --compare`, not from this file; see video_student.py for what it teaches.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/digits.py', '../_base_/digit_teacher.py']

# With no teacher and no terms: just the recognizer, with its features for retrieval.
model = dict(type='Distiller', student=_base_.image_network)
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
train_dataloader = None  # this config is for testing alone
test_dataloader = dict(dataset=dict(datasets=[
    dict(dataset, pipeline=test_pipeline) for dataset in _base_.test_dataloader.dataset.datasets]))
val_cfg = None
