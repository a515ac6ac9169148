# Ours: which moments of which clips a clip looks like. The teacher's frames go to the student's four steps.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/hmdb51.py', '../_base_/students/r3d18.py', '../_base_/schedules/sgd_120e_warmup.py', '../_base_/methods.py']

model = dict(_base_.taught, terms=dict(frame_clip_relation=dict(
    student='backbone.layer3', teacher='frame_features',
    teacher_connector=dict(type='TemporalAlign'),
    loss=dict(type='FrameClipRelation', temperature=0.1))))
default_hooks = dict(checkpoint=dict(save_best='quick_acc/top1', rule='greater'))
