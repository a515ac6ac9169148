# Park et al., CVPR 2019; the paper's weight for classification. Batches are small: 32 clips are 496 distances.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/hmdb51.py', '../_base_/students/r3d18.py', '../_base_/schedules/sgd_120e_warmup.py', '../_base_/methods.py']

model = dict(_base_.taught, terms=dict(rkd_distance=dict(
    student='features', teacher='features',
    loss=dict(type='RKDDistance'), weight=25.0)))
default_hooks = dict(checkpoint=dict(save_best='quick_acc/top1', rule='greater'))
