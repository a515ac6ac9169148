# The direction of the teacher's pooled features through a linear projection. A baseline; the weight is ours.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/hmdb51.py', '../_base_/students/r3d18.py', '../_base_/schedules/sgd_120e_warmup.py', '../_base_/methods.py']

model = dict(_base_.taught, terms=dict(cosine=dict(
    student='features', teacher='features',
    student_connector='auto',
    loss=dict(type='Cosine'))))
default_hooks = dict(checkpoint=dict(save_best='quick_acc/top1', rule='greater'))
