# Fewer frames for the student than for the teacher: it sees every second of the 16 frames and learns at its 8 what a
# teacher of all 16 knows. At test time it is given clips of 8 frames, two apart.
_base_ = ['../_base_/runtime.py', '../_base_/hmdb51.py', '../_base_/methods.py']

student_frame_stride = 2
clip_len = 16

model = dict(
    student_view=dict(size=112, frame_stride=student_frame_stride),
    teacher=dict(view=dict(size=224, frame_stride=1)),
    terms=dict(
        kd=dict(student='logits', teacher='logits', loss=dict(type='KLDivergence', temperature=4.0)),
        # The teacher's frame features, resampled at the moments of the student's time steps.
        moments=dict(student='backbone.layer4', teacher='frame_features', loss=dict(type='FrameWise'),
                     student_connector=[dict(type='SpacePool'), dict(type='MLPProjection', in_channels='auto',
                                                                     out_channels='auto')],
                     teacher_connector=dict(type='TemporalAlign'))))
val_pipeline = [
    dict(type='OpenVideo'),
    dict(type='SampleClipsEvenly', clip_len=clip_len // student_frame_stride, num_clips=10,
         frame_stride=student_frame_stride),
    dict(type='DecodeClip'),
    dict(type='Resize', scale=(171, 128), keep_ratio=False),
    dict(type='CenterCrop', crop_size=112),
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs', meta_keys=('sample_id', 'role')),
]
source = dict(type='HMDB51Dataset', data_root='{{$HMDB51_VIDEOS:data/hmdb51/videos}}',
              ann_file='{{$HMDB51_ANNOTATIONS:data/hmdb51/annotations}}', split=1, pipeline=val_pipeline, test_mode=True)
val_dataloader = dict(dataset=dict(datasets=[dict(source, subset='training', role='gallery'),
                                             dict(source, subset='validation', role='query')]))
test_dataloader = val_dataloader
