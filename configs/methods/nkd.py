# Yang et al., ICCV 2023; gamma and temperature of the paper on ImageNet.
_base_ = ['../_base_/runtime.py', '../_base_/hmdb51.py', '../_base_/methods.py']

model = dict(terms=dict(nkd=dict(
    student='logits', teacher='logits',
    loss=dict(type='NKD', gamma=1.5, temperature=1.0))))
default_hooks = dict(checkpoint=dict(save_best='acc/top1', rule='greater'))
