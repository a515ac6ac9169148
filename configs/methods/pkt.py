# Passalis & Tefas, ECCV 2018; RepDistiller's weight beside the cross-entropy.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/hmdb51.py', '../_base_/students/r3d18.py', '../_base_/schedules/sgd_120e_warmup.py', '../_base_/methods.py']

model = dict(_base_.taught, terms=dict(pkt=dict(
    student='features', teacher='features',
    loss=dict(type='PKT'), weight=3e4)))
default_hooks = dict(checkpoint=dict(save_best='quick_acc/top1', rule='greater'))
