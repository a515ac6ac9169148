# KD's gradient, but not 0 where the two agree: the entropy of the teacher is part of it.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/hmdb51.py', '../_base_/students/r3d18.py', '../_base_/schedules/sgd_120e_warmup.py', '../_base_/methods.py']

model = dict(_base_.taught, terms=dict(soft_cross_entropy=dict(
    student='logits', teacher='logits',
    loss=dict(type='SoftCrossEntropy', temperature=4.0), weight=0.9)))
default_hooks = dict(checkpoint=dict(save_best='quick_acc/top1', rule='greater'))
