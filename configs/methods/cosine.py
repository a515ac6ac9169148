# The direction of the teacher's pooled features through a linear projection. A baseline; the weight is ours.
_base_ = ['../_base_/runtime.py', '../_base_/hmdb51.py', '../_base_/methods.py']

model = dict(terms=dict(cosine=dict(
    student='features', teacher='features',
    student_connector='auto',
    loss=dict(type='Cosine'))))
default_hooks = dict(checkpoint=dict(save_best='acc/top1', rule='greater'))
