# Miles et al., BMVC 2022; alpha and weights of the authors' example.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/hmdb51.py', '../_base_/students/r3d18.py', '../_base_/schedules/sgd_120e_warmup.py', '../_base_/methods.py']

model = dict(_base_.taught, terms=dict(itrd=dict(
    student='features', teacher='features',
    loss=dict(type='ITRD', alpha=1.01, correlation_weight=2.0, mutual_weight=1.0,
              student_channels='auto', teacher_channels='auto'))))
default_hooks = dict(checkpoint=dict(save_best='quick_acc/top1', rule='greater'))
