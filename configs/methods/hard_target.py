# DeiT's hard distillation, Touvron et al., ICML 2021: half of the loss there, so half of the weight of the labels here.
_base_ = ['../_base_/runtime.py', '../_base_/hmdb51.py', '../_base_/methods.py']

model = dict(terms=dict(hard_target=dict(
    student='logits', teacher='logits',
    loss=dict(type='HardTarget'), weight=0.5)))
default_hooks = dict(checkpoint=dict(save_best='acc/top1', rule='greater'))
