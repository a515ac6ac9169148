# Tf-KD_reg, Yuan et al., CVPR 2020: the row without a teacher. 0.0024 is the authors' 0.95 / 20^2, since ours
# has temperature^2 in it.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/hmdb51.py', '../_base_/students/r3d18.py', '../_base_/schedules/sgd_120e_warmup.py', '../_base_/methods.py']

model = dict(_base_.taught, terms=dict(teacher_free=dict(
    student='logits', teacher=None,
    weight=0.0024,
    loss=dict(type='TeacherFree', correct_probability=0.99, temperature=20.0))))
default_hooks = dict(checkpoint=dict(save_best='quick_acc/top1', rule='greater'))
