# Liu et al., ICCV 2021; the paper's weight on CIFAR-100. The projection makes the channels comparable.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/hmdb51.py', '../_base_/students/r3d18.py', '../_base_/schedules/sgd_120e_warmup.py', '../_base_/methods.py']

model = dict(_base_.taught, terms=dict(ickd=dict(
    student='backbone.layer4', teacher='layer4',
    student_connector='auto',
    loss=dict(type='ICKD'), weight=2.5)))
default_hooks = dict(checkpoint=dict(save_best='quick_acc/top1', rule='greater'))
