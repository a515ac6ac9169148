# Ours: each of the student's four time steps against the teacher's features of that moment.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/hmdb51.py', '../_base_/students/r3d18.py', '../_base_/schedules/sgd_120e_warmup.py', '../_base_/methods.py']

model = dict(_base_.taught, terms=dict(frame_wise=dict(
    student='backbone.layer3', teacher='frame_features',
    student_connector='auto', teacher_connector=dict(type='TemporalAlign'),
    loss=dict(type='FrameWise', distance='cosine'))))
default_hooks = dict(checkpoint=dict(save_best='quick_acc/top1', rule='greater'))
