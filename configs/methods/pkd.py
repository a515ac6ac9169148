# Cao et al., NeurIPS 2022; the authors' weight. Each channel is standardized, the scale of the teacher drops out.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/hmdb51.py', '../_base_/students/r3d18.py', '../_base_/schedules/sgd_120e_warmup.py', '../_base_/methods.py']

model = dict(_base_.taught, terms=dict(pkd=dict(
    _base_.last_maps, loss=dict(type='PKD'), weight=6.0)))
default_hooks = dict(checkpoint=dict(save_best='quick_acc/top1', rule='greater'))
