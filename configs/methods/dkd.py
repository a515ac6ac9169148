# Zhao et al., CVPR 2022; alpha, beta and temperature of the paper, the weight rises over the first 20 of the 120
# epochs as in the authors' code.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/hmdb51.py', '../_base_/students/r3d18.py', '../_base_/schedules/sgd_120e_warmup.py', '../_base_/methods.py']

model = dict(_base_.taught, terms=dict(dkd=dict(
    student='logits', teacher='logits',
    weight_schedule=[(0, 0), (20 / 120, 1)],
    loss=dict(type='DKD', alpha=1.0, beta=8.0, temperature=4.0))))
default_hooks = dict(checkpoint=dict(save_best='quick_acc/top1', rule='greater'))
