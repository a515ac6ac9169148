# Zhou et al., ICLR 2021; temperature and weight of the paper.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/hmdb51.py', '../_base_/students/r3d18.py', '../_base_/schedules/sgd_120e_warmup.py', '../_base_/methods.py']

model = dict(_base_.taught, terms=dict(wsld=dict(
    student='logits', teacher='logits',
    loss=dict(type='WSLD', temperature=2.0), weight=2.5)))
default_hooks = dict(checkpoint=dict(save_best='quick_acc/top1', rule='greater'))
