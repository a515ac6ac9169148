# Ours, after AT: 20 is the weight of its authors for a mean over the 7x7 positions, 1000 / 49.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/hmdb51.py', '../_base_/students/r3d18.py', '../_base_/schedules/sgd_120e_warmup.py', '../_base_/methods.py']

model = dict(_base_.taught, terms=dict(spatio_temporal_attention=dict(
    student='backbone.layer4', teacher='layer4',
    teacher_connector=dict(type='TemporalAlign', mode='pool'),
    loss=dict(type='SpatioTemporalAttention', time_weight=1.0), weight=20.0)))
default_hooks = dict(checkpoint=dict(save_best='quick_acc/top1', rule='greater'))
