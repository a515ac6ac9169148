# Sun et al., CVPR 2024; around plain KD, with the authors' temperature and weight.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/hmdb51.py', '../_base_/students/r3d18.py', '../_base_/schedules/sgd_120e_warmup.py', '../_base_/methods.py']

model = dict(_base_.taught, terms=dict(logit_standardization=dict(
    student='logits', teacher='logits',
    weight=9.0,
    loss=dict(type='LogitStandardization', loss=dict(type='KLDivergence', temperature=2.0)))))
default_hooks = dict(checkpoint=dict(save_best='quick_acc/top1', rule='greater'))
