# One binary question a class, asked with the teacher's probabilities as answers.
_base_ = ['../_base_/runtime.py', '../_base_/hmdb51.py', '../_base_/methods.py']

model = dict(terms=dict(bce_with_teacher=dict(
    student='logits', teacher='logits',
    loss=dict(type='BCEWithTeacher'))))
default_hooks = dict(checkpoint=dict(save_best='acc/top1', rule='greater'))
