# Ji, Heo & Park, AAAI 2021; weight and channels of the authors' code for CIFAR-100.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/hmdb51.py', '../_base_/students/r3d18.py', '../_base_/schedules/sgd_120e_warmup.py', '../_base_/methods.py']

model = dict(_base_.taught, terms=dict(afd=dict(
    student=['backbone.layer1', 'backbone.layer2', 'backbone.layer3', 'backbone.layer4'],
    teacher=['layer1', 'layer2', 'layer3', 'layer4'],
    weight=200.0,
    loss=dict(type='AFD', attention_channels=128, student_channels='auto', teacher_channels='auto'))))
default_hooks = dict(checkpoint=dict(save_best='quick_acc/top1', rule='greater'))
