# A ResNet-50 that knows ImageNet teaches an R3D-18 on Kinetics-400, 16 frames of 112².
# Teacher and term are in _base_/kd.py.
_base_ = ['_base_/default_runtime.py', '_base_/datasets/kinetics400.py', '_base_/students/r3d18.py',
          '_base_/schedules/sgd_45e.py', '_base_/kd.py']

num_classes = 400  # of Kinetics-600 and -700: 600, 700
model = dict(
    teacher=_base_.kd_teacher, terms=dict(kd=_base_.kd_term),
    student=dict(cls_head=dict(num_classes=num_classes), data_preprocessor=_base_.statistics))
default_hooks = dict(checkpoint=dict(save_best='quick_acc/top1', rule='greater'))
train_cfg = dict(val_interval=1)  # an epoch is a day or so, and a quick validation 3 % of it
