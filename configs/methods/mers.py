# MERS, Crasto et al., CVPR 2019: the student learns nothing but the features of a motion stream, without labels; its
# classifier is trained afterwards, by configs/finetune_r3d_hmdb51.py. How to get the teacher: _base_/motion_teacher.py.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/hmdb51.py', '../_base_/students/r3d18.py', '../_base_/schedules/sgd_120e.py', '../_base_/motion_teacher.py']

feature_weight = 1.0   # there is nothing else to weigh it against

recognizer = dict(_base_.model.student, data_preprocessor=_base_.motion_preprocessor)
model = dict(
    use_labels=False, teacher=dict(_base_.motion_teacher, recognizer=recognizer),
    terms=dict(motion=dict(student='features', teacher='features', loss=dict(type='L2'), weight=feature_weight)))

val_evaluator, test_evaluator = _base_.retrieval_alone  # no accuracy: the head is never trained
default_hooks = dict(checkpoint=dict(save_best='quick_retrieval/top1', rule='greater'))
