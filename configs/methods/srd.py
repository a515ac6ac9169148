# Miles & Mikolajczyk, AAAI 2024; the paper adds the logits at temperature 1 (KLDivergence).
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/hmdb51.py', '../_base_/students/r3d18.py', '../_base_/schedules/sgd_120e_warmup.py', '../_base_/methods.py']

model = dict(_base_.taught, terms=dict(srd=dict(
    student='features', teacher='features',
    weight=2.0,
    loss=dict(type='SRD', exponent=4.0, student_channels='auto', teacher_channels='auto'))))
default_hooks = dict(checkpoint=dict(save_best='quick_acc/top1', rule='greater'))
