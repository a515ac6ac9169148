# Mean squared difference of the logits: Ba & Caruana, NeurIPS 2014; DistInit, Girdhar et al., ICCV 2019.
_base_ = ['../_base_/runtime.py', '../_base_/hmdb51.py', '../_base_/methods.py']

model = dict(terms=dict(l2=dict(
    student='logits', teacher='logits',
    loss=dict(type='L2'))))
default_hooks = dict(checkpoint=dict(save_best='acc/top1', rule='greater'))
