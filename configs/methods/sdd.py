# Wei, Luo & Luo, CVPR 2024, with KD inside. Both last maps are 7x7, so they can be cut into 4 parts a side.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/hmdb51.py', '../_base_/students/r3d18.py', '../_base_/schedules/sgd_120e_warmup.py', '../_base_/methods.py']

model = dict(_base_.taught, terms=dict(sdd=dict(
    student='backbone.layer4', teacher='layer4',
    loss=dict(type='SDD', loss=dict(type='KLDivergence', temperature=4.0)))))
default_hooks = dict(checkpoint=dict(save_best='quick_acc/top1', rule='greater'))
