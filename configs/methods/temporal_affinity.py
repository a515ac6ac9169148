# Ours: which of the four frames look alike. The teacher's are brought to the moments of the student's four steps.
_base_ = ['../_base_/runtime.py', '../_base_/hmdb51.py', '../_base_/methods.py']

model = dict(terms=dict(temporal_affinity=dict(
    student='backbone.layer3', teacher='frame_features',
    teacher_connector=dict(type='TemporalAlign'),
    loss=dict(type='TemporalAffinity'))))
default_hooks = dict(checkpoint=dict(save_best='acc/top1', rule='greater'))
