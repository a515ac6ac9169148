# Hinton, Vinyals & Dean, arXiv:1503.02531; temperature and weight as in most public code.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/hmdb51.py', '../_base_/students/r3d18.py', '../_base_/schedules/sgd_120e_warmup.py', '../_base_/methods.py']

model = dict(_base_.taught, terms=dict(kd=dict(
    student='logits', teacher='logits',
    loss=dict(type='KLDivergence', temperature=4.0), weight=0.9)))
default_hooks = dict(checkpoint=dict(save_best='quick_acc/top1', rule='greater'))
