# Yim et al., CVPR 2017; RepDistiller's weight. Flow needs layers of as many channels: 256 and 512 are the student's
# last two and the teacher's first two; one size and the teacher's time steps make their positions the same.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/hmdb51.py', '../_base_/students/r3d18.py', '../_base_/schedules/sgd_120e_warmup.py', '../_base_/methods.py']

model = dict(_base_.taught, terms=dict(fsp=dict(
    student=['backbone.layer3', 'backbone.layer4'], teacher=['layer1', 'layer2'],
    student_connector=[dict(type='MatchSpace', size=7), dict(type='TemporalAlign', mode='pool')],
    teacher_connector=dict(type='MatchSpace', size=7),
    loss=dict(type='FSP'), weight=50.0)))
default_hooks = dict(checkpoint=dict(save_best='quick_acc/top1', rule='greater'))
