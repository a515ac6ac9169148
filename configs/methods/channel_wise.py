# CWD, Shu et al., ICCV 2021; the authors' temperature and weight.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/hmdb51.py', '../_base_/students/r3d18.py', '../_base_/schedules/sgd_120e_warmup.py', '../_base_/methods.py']

model = dict(_base_.taught, terms=dict(channel_wise=dict(
    _base_.last_maps, loss=dict(type='ChannelWise', tau=4.0), weight=3.0)))
default_hooks = dict(checkpoint=dict(save_best='quick_acc/top1', rule='greater'))
