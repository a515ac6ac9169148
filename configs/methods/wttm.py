# Zheng & Yang, ICLR 2024; the weight is chosen for each pair there, this one is of the authors' example.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/hmdb51.py', '../_base_/students/r3d18.py', '../_base_/schedules/sgd_120e_warmup.py', '../_base_/methods.py']

model = dict(_base_.taught, terms=dict(wttm=dict(
    student='logits', teacher='logits',
    loss=dict(type='WTTM', gamma=0.1), weight=45.0)))
default_hooks = dict(checkpoint=dict(save_best='quick_acc/top1', rule='greater'))
