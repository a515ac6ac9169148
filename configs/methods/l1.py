# Mean absolute difference of the logits. A baseline; the weight is ours.
_base_ = ['../_base_/runtime.py', '../_base_/hmdb51.py', '../_base_/methods.py']

model = dict(terms=dict(l1=dict(
    student='logits', teacher='logits',
    loss=dict(type='L1'))))
default_hooks = dict(checkpoint=dict(save_best='acc/top1', rule='greater'))
