# A ResNet-50 that knows ImageNet teaches an R3D-18 on your own videos, 16 frames of 112².
# Teacher and term are in _base_/kd.py.
_base_ = ['_base_/default_runtime.py', '_base_/datasets/folder.py', '_base_/students/r3d18.py',
          '_base_/schedules/sgd_120e_warmup.py', '_base_/kd.py']

num_classes = 10  # as many as you have: model.student.cls_head.num_classes
model = dict(
    teacher=_base_.kd_teacher, terms=dict(kd=_base_.kd_term),
    student=dict(cls_head=dict(num_classes=num_classes), data_preprocessor=_base_.statistics))
default_hooks = dict(checkpoint=dict(save_best='quick_acc/top1', rule='greater'))
