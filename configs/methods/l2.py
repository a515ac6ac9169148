# Mean squared difference of the logits: Ba & Caruana, NeurIPS 2014; DistInit, Girdhar et al., ICCV 2019.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/hmdb51.py', '../_base_/students/r3d18.py', '../_base_/schedules/sgd_120e_warmup.py', '../_base_/methods.py']

model = dict(_base_.taught, terms=dict(l2=dict(
    student='logits', teacher='logits',
    loss=dict(type='L2'))))
default_hooks = dict(checkpoint=dict(save_best='quick_acc/top1', rule='greater'))
