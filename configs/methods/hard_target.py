# DeiT's hard distillation, Touvron et al., ICML 2021: half of the loss there, so half of the weight of the labels here.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/hmdb51.py', '../_base_/students/r3d18.py', '../_base_/schedules/sgd_120e_warmup.py', '../_base_/methods.py']

model = dict(_base_.taught, terms=dict(hard_target=dict(
    student='logits', teacher='logits',
    loss=dict(type='HardTarget'), weight=0.5)))
default_hooks = dict(checkpoint=dict(save_best='quick_acc/top1', rule='greater'))
