# Guo et al., CVPR 2023; the authors' weight. The teacher's class maps are those of its probe.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/hmdb51.py', '../_base_/students/r3d18.py', '../_base_/schedules/sgd_120e_warmup.py', '../_base_/methods.py']

model = dict(_base_.taught, terms=dict(catkd=dict(
    student='backbone.layer4', teacher='layer4',
    loss=dict(type='CATKD', resolution=2, normalize=True), weight=400.0)))
default_hooks = dict(checkpoint=dict(save_best='quick_acc/top1', rule='greater'))
