# OFD, Heo et al., ICCV 2019. The teacher's maps come from behind the ReLU, as torchvision's ResNets change the sum
# before it in place: margins are 0, the partial distance stays. 100 is 1e-3 times a frame's 2048x7x7 elements.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/hmdb51.py', '../_base_/students/r3d18.py', '../_base_/schedules/sgd_120e_warmup.py', '../_base_/methods.py']

model = dict(_base_.taught, terms=dict(overhaul=dict(
    student=['backbone.layer2', 'backbone.layer3', 'backbone.layer4'], teacher=['layer2', 'layer3', 'layer4'],
    student_connector=dict(type='TemporalAlign', mode='pool'),
    weight=100.0,
    loss=dict(type='Overhaul', student_channels='auto', teacher_channels='auto'))))
default_hooks = dict(checkpoint=dict(save_best='quick_acc/top1', rule='greater'))
