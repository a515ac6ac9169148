# Chen, Wang & Zhang, AAAI 2018; the order of the 4 nearest of the 32 clips of a batch. The weight is ours.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/hmdb51.py', '../_base_/students/r3d18.py', '../_base_/schedules/sgd_120e_warmup.py', '../_base_/methods.py']

model = dict(_base_.taught, terms=dict(dark_rank=dict(
    student='features', teacher='features',
    loss=dict(type='DarkRank', length=4))))
default_hooks = dict(checkpoint=dict(save_best='quick_acc/top1', rule='greater'))
