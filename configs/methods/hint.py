# FitNets, Romero et al., ICLR 2015: a layer in the middle. The weight is RepDistiller's for the mean over elements;
# the paper's sum would be that of 400 000 elements.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/hmdb51.py', '../_base_/students/r3d18.py', '../_base_/schedules/sgd_120e_warmup.py', '../_base_/methods.py']

model = dict(_base_.taught, terms=dict(hint=dict(
    student='backbone.layer3', teacher='layer3',
    student_connector='auto', teacher_connector=dict(type='TemporalAlign'),
    loss=dict(type='Hint'), weight=100.0)))
default_hooks = dict(checkpoint=dict(save_best='quick_acc/top1', rule='greater'))
