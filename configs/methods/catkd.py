# Guo et al., CVPR 2023; the authors' weight. The teacher's class maps are those of its probe.
_base_ = ['../_base_/runtime.py', '../_base_/hmdb51.py', '../_base_/methods.py']

model = dict(terms=dict(catkd=dict(
    student='backbone.layer4', teacher='layer4',
    loss=dict(type='CATKD', resolution=2, normalize=True), weight=400.0)))
default_hooks = dict(checkpoint=dict(save_best='acc/top1', rule='greater'))
