# Mean absolute difference of the logits. A baseline; the weight is ours.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/hmdb51.py', '../_base_/students/r3d18.py', '../_base_/schedules/sgd_120e_warmup.py', '../_base_/methods.py']

model = dict(_base_.taught, terms=dict(l1=dict(
    student='logits', teacher='logits',
    loss=dict(type='L1'))))
default_hooks = dict(checkpoint=dict(save_best='quick_acc/top1', rule='greater'))
