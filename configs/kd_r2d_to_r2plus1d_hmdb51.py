# A ResNet-50 that knows ImageNet teaches an R(2+1)D-18 on HMDB-51, 16 frames of 112².
# Teacher and term are in _base_/kd.py.
_base_ = ['_base_/default_runtime.py', '_base_/datasets/hmdb51.py', '_base_/students/r2plus1d18.py',
          '_base_/schedules/sgd_120e_warmup.py', '_base_/kd.py']

model = dict(teacher=_base_.kd_teacher, terms=dict(kd=_base_.kd_term))
default_hooks = dict(checkpoint=dict(save_best='quick_acc/top1', rule='greater'))
