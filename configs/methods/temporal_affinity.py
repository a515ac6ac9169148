# Ours: which of the four frames look alike. The teacher's are brought to the moments of the student's four steps.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/hmdb51.py', '../_base_/students/r3d18.py', '../_base_/schedules/sgd_120e_warmup.py', '../_base_/methods.py']

model = dict(_base_.taught, terms=dict(temporal_affinity=dict(
    student='backbone.layer3', teacher='frame_features',
    teacher_connector=dict(type='TemporalAlign'),
    loss=dict(type='TemporalAffinity'))))
default_hooks = dict(checkpoint=dict(save_best='quick_acc/top1', rule='greater'))
