# CTKD, Li et al., AAAI 2023; around plain KD, the temperature is learned from 1 to 21 as in the authors' code.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/hmdb51.py', '../_base_/students/r3d18.py', '../_base_/schedules/sgd_120e_warmup.py', '../_base_/methods.py']

model = dict(_base_.taught, terms=dict(temperature_curriculum=dict(
    student='logits', teacher='logits',
    weight=0.9,
    loss=dict(type='TemperatureCurriculum', loss=dict(type='KLDivergence')))))
default_hooks = dict(checkpoint=dict(save_best='quick_acc/top1', rule='greater'))
