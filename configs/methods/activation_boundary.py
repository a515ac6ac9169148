# Heo et al., AAAI 2019. Of the teacher only the sign before the ReLU counts, which its map behind the ReLU shows; the
# projection is what the student answers with. 300 is the authors' 3e-3 times the 2048x7x7 elements of a frame's map.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/hmdb51.py', '../_base_/students/r3d18.py', '../_base_/schedules/sgd_120e_warmup.py', '../_base_/methods.py']

model = dict(_base_.taught, terms=dict(activation_boundary=dict(
    _base_.last_maps, loss=dict(type='ActivationBoundary', margin=1.0), weight=300.0)))
default_hooks = dict(checkpoint=dict(save_best='quick_acc/top1', rule='greater'))
