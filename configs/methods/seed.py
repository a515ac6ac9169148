# Fang et al., ICLR 2021: needs no labels. 3570 videos train split 1, so fewer rows than the 65536 of larger sets.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/hmdb51.py', '../_base_/students/r3d18.py', '../_base_/schedules/sgd_120e_warmup.py', '../_base_/methods.py']

model = dict(_base_.taught, terms=dict(seed=dict(
    student='features', teacher='features',
    student_connector=dict(type='MLPProjection', in_channels='auto', out_channels='auto'),
    loss=dict(type='SEED', queue_size=2048, teacher_channels='auto'))))
default_hooks = dict(checkpoint=dict(save_best='quick_acc/top1', rule='greater'))
