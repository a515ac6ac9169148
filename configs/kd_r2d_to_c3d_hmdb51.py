# A ResNet-50 that knows ImageNet teaches a C3D on HMDB-51, 16 frames of 112².
# Teacher and term are in _base_/kd.py.
_base_ = ['_base_/default_runtime.py', '_base_/datasets/hmdb51.py', '_base_/students/c3d.py',
          '_base_/schedules/sgd_120e_warmup.py', '_base_/kd.py']

# C3D has 4096 features, where the other students have 512.
head = dict(type='LinearProjection', in_channels=4096, out_channels=1000)
model = dict(teacher=_base_.kd_teacher, terms=dict(kd=dict(_base_.kd_term, student_connector=head)))
default_hooks = dict(checkpoint=dict(save_best='quick_acc/top1', rule='greater'))
