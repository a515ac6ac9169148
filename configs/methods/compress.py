# Koohpayegani et al., NeurIPS 2020: needs no labels. Fewer rows than the 128000 of larger sets: 3570 videos train.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/hmdb51.py', '../_base_/students/r3d18.py', '../_base_/schedules/sgd_120e_warmup.py', '../_base_/methods.py']

model = dict(_base_.taught, terms=dict(compress=dict(
    student='features', teacher='features',
    loss=dict(type='CompRess', queue_size=2048, student_channels='auto', teacher_channels='auto'))))
default_hooks = dict(checkpoint=dict(save_best='quick_acc/top1', rule='greater'))
