# Peng et al., ICCV 2019; on the pooled features; gamma and order of the paper. The weight is ours.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/hmdb51.py', '../_base_/students/r3d18.py', '../_base_/schedules/sgd_120e_warmup.py', '../_base_/methods.py']

model = dict(_base_.taught, terms=dict(correlation_congruence=dict(
    student='features', teacher='features',
    loss=dict(type='CorrelationCongruence', gamma=0.4, order=2))))
default_hooks = dict(checkpoint=dict(save_best='quick_acc/top1', rule='greater'))
