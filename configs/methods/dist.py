# Huang et al., NeurIPS 2022; beta = gamma = 1 and no temperature, the paper's choice on ImageNet.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/hmdb51.py', '../_base_/students/r3d18.py', '../_base_/schedules/sgd_120e_warmup.py', '../_base_/methods.py']

model = dict(_base_.taught, terms=dict(dist=dict(
    student='logits', teacher='logits',
    loss=dict(type='DIST', beta=1.0, gamma=1.0))))
default_hooks = dict(checkpoint=dict(save_best='quick_acc/top1', rule='greater'))
