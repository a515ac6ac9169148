# Tian, Krishnan & Isola, ICLR 2020; 0.8 is the authors'. 3570 videos train split 1, so fewer negatives than
# the 16384 of larger sets.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/hmdb51.py', '../_base_/students/r3d18.py', '../_base_/schedules/sgd_120e_warmup.py', '../_base_/methods.py']

model = dict(_base_.taught, terms=dict(crd=dict(
    student='features', teacher='features',
    weight=0.8,
    loss=dict(type='CRD', num_samples=3570, num_negatives=2048, student_channels='auto', teacher_channels='auto'))))
default_hooks = dict(checkpoint=dict(save_best='quick_acc/top1', rule='greater'))
