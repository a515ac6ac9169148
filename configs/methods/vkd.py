# Miles, Elezi & Deng, CVPR 2024; the weight is ours, the paper's depends on the pair.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/hmdb51.py', '../_base_/students/r3d18.py', '../_base_/schedules/sgd_120e_warmup.py', '../_base_/methods.py']

model = dict(_base_.taught, terms=dict(vkd=dict(
    student='features', teacher='features',
    loss=dict(type='VkD', student_channels='auto', teacher_channels='auto'))))
default_hooks = dict(checkpoint=dict(save_best='quick_acc/top1', rule='greater'))
