# Yang et al., ICLR 2021: feature matching and softmax regression through the teacher's probe, both of weight 1.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/hmdb51.py', '../_base_/students/r3d18.py', '../_base_/schedules/sgd_120e_warmup.py', '../_base_/methods.py']

model = dict(_base_.taught, terms=dict(srrl=dict(
    student='backbone.layer4', teacher='layer4',
    loss=dict(type='SRRL', regression_weight=1.0, student_channels='auto', teacher_channels='auto'))))
default_hooks = dict(checkpoint=dict(save_best='quick_acc/top1', rule='greater'))
