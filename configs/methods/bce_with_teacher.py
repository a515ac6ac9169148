# One binary question a class, asked with the teacher's probabilities as answers.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/hmdb51.py', '../_base_/students/r3d18.py', '../_base_/schedules/sgd_120e_warmup.py', '../_base_/methods.py']

model = dict(_base_.taught, terms=dict(bce_with_teacher=dict(
    student='logits', teacher='logits',
    loss=dict(type='BCEWithTeacher'))))
default_hooks = dict(checkpoint=dict(save_best='quick_acc/top1', rule='greater'))
