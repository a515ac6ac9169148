# Liu et al., CVPR 2019: distances of clips in the pooled features, and how they change between two stages. Vertices
# would need as many channels as the teacher has.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/hmdb51.py', '../_base_/students/r3d18.py', '../_base_/schedules/sgd_120e_warmup.py', '../_base_/methods.py']

model = dict(_base_.taught, terms=dict(irg=dict(
    student=['backbone.layer2', 'backbone.layer3', 'features'],
    teacher=['layer2', 'layer3', 'features'],
    loss=dict(type='IRG', vertices=False))))
default_hooks = dict(checkpoint=dict(save_best='quick_acc/top1', rule='greater'))
