# Park et al., CVPR 2019; the paper's weight for classification.
_base_ = ['../_base_/runtime.py', '../_base_/hmdb51.py', '../_base_/methods.py']

model = dict(terms=dict(rkd_angle=dict(
    student='features', teacher='features',
    loss=dict(type='RKDAngle'), weight=50.0)))
default_hooks = dict(checkpoint=dict(save_best='acc/top1', rule='greater'))
