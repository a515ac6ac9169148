# Huang & Wang, arXiv:1707.01219; RepDistiller's weight.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/hmdb51.py', '../_base_/students/r3d18.py', '../_base_/schedules/sgd_120e_warmup.py', '../_base_/methods.py']

model = dict(_base_.taught, terms=dict(nst=dict(
    student='backbone.layer4', teacher='layer4',
    teacher_connector=dict(type='TemporalAlign', mode='pool'),
    loss=dict(type='NST'), weight=50.0)))
default_hooks = dict(checkpoint=dict(save_best='quick_acc/top1', rule='greater'))
