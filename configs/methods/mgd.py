# Yang et al., ECCV 2022: 7 is the paper's 7e-5 times the 2048x7x7 elements of a frame's map.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/hmdb51.py', '../_base_/students/r3d18.py', '../_base_/schedules/sgd_120e_warmup.py', '../_base_/methods.py']

model = dict(_base_.taught, terms=dict(mgd=dict(
    student='backbone.layer4', teacher='layer4',
    teacher_connector=dict(type='TemporalAlign', mode='pool'),
    weight=7.0,
    loss=dict(type='MGD', masked='channels', masked_ratio=0.15, student_channels='auto', teacher_channels='auto'))))
default_hooks = dict(checkpoint=dict(save_best='quick_acc/top1', rule='greater'))
