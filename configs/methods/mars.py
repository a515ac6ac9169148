# MARS, Crasto et al., CVPR 2019: an RGB student learns the labels and the features of a motion stream, which it then
# needs no more. The paper's motion is optical flow; here it is the difference of neighbouring frames. How to get the
# teacher: _base_/motion_teacher.py.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/hmdb51.py', '../_base_/students/r3d18.py', '../_base_/schedules/sgd_120e.py', '../_base_/motion_teacher.py']

feature_weight = 50.0  # alpha of the paper, beside the cross-entropy

recognizer = dict(_base_.model.student, data_preprocessor=_base_.motion_preprocessor)
model = dict(
    teacher=dict(_base_.motion_teacher, recognizer=recognizer),
    terms=dict(motion=dict(student='features', teacher='features', loss=dict(type='L2'), weight=feature_weight)))
default_hooks = dict(checkpoint=dict(save_best='quick_acc/top1', rule='greater'))
