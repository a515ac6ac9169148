# Cao et al., NeurIPS 2022; the authors' weight. Each channel is standardized, the scale of the teacher drops out.
_base_ = ['../_base_/runtime.py', '../_base_/hmdb51.py', '../_base_/methods.py']

model = dict(terms=dict(pkd=dict(
    student='backbone.layer4', teacher='layer4',
    student_connector='auto', teacher_connector=dict(type='TemporalAlign', mode='pool'),
    loss=dict(type='PKD'), weight=6.0)))
default_hooks = dict(checkpoint=dict(save_best='acc/top1', rule='greater'))
