# Ours: what changes from one of the four moments to the next; the scene that stays drops out.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/hmdb51.py', '../_base_/students/r3d18.py', '../_base_/schedules/sgd_120e_warmup.py', '../_base_/methods.py']

model = dict(_base_.taught, terms=dict(temporal_difference=dict(
    student='backbone.layer3', teacher='frame_features',
    student_connector='auto', teacher_connector=dict(type='TemporalAlign'),
    loss=dict(type='TemporalDifference'))))
default_hooks = dict(checkpoint=dict(save_best='quick_acc/top1', rule='greater'))
