# Zagoruyko & Komodakis, ICLR 2017: squared, as in the authors' code, whose weight this is. The teacher's frames are
# averaged to the student's time steps, so that the same moments are compared.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/hmdb51.py', '../_base_/students/r3d18.py', '../_base_/schedules/sgd_120e_warmup.py', '../_base_/methods.py']

model = dict(_base_.taught, terms=dict(attention_transfer=dict(
    student='backbone.layer4', teacher='layer4',
    teacher_connector=dict(type='TemporalAlign', mode='pool'),
    loss=dict(type='AttentionTransfer', p=2.0, squared=True), weight=1000.0)))
default_hooks = dict(checkpoint=dict(save_best='quick_acc/top1', rule='greater'))
