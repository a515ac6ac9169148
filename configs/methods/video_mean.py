# Ours: each clip learns what the teacher says of its video, the mean over the clips seen so far; docs/students.md.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/hmdb51.py', '../_base_/students/r3d18.py', '../_base_/schedules/sgd_120e_warmup.py', '../_base_/methods.py']

model = dict(_base_.taught, terms=dict(video_mean=dict(
    student='features', teacher='features', teacher_connector=dict(type='Standardize', channels='auto'),
    student_connector=dict(type='LinearProjection', in_channels='auto', out_channels='auto'),
    loss=dict(type='VideoMean', loss=dict(type='L2')))))
default_hooks = dict(checkpoint=dict(save_best='quick_acc/top1', rule='greater'))
