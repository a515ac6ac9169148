# Kim, Park & Kwak, NeurIPS 2018; the paper's weight. The first tenth of the training is the paraphraser's.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/hmdb51.py', '../_base_/students/r3d18.py', '../_base_/schedules/sgd_120e_warmup.py', '../_base_/methods.py']

model = dict(_base_.taught, terms=dict(factor_transfer=dict(
    student='backbone.layer4', teacher='layer4',
    teacher_connector=dict(type='TemporalAlign', mode='pool'),
    weight=500.0,
    loss=dict(type='FactorTransfer', warmup=0.1, student_channels='auto', teacher_channels='auto'))))
default_hooks = dict(checkpoint=dict(save_best='quick_acc/top1', rule='greater'))
