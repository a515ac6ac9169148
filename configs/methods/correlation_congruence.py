# Peng et al., ICCV 2019; on the pooled features; gamma and order of the paper. The weight is ours.
_base_ = ['../_base_/runtime.py', '../_base_/hmdb51.py', '../_base_/methods.py']

model = dict(terms=dict(correlation_congruence=dict(
    student='features', teacher='features',
    loss=dict(type='CorrelationCongruence', gamma=0.4, order=2))))
default_hooks = dict(checkpoint=dict(save_best='acc/top1', rule='greater'))
