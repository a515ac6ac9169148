# T3D, Diba et al., arXiv:1711.08200: do clip and frames belong together? The classifier is learned with the student.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/hmdb51.py', '../_base_/students/r3d18.py', '../_base_/schedules/sgd_120e_warmup.py', '../_base_/methods.py']

model = dict(_base_.taught, terms=dict(clip_frame_correspondence=dict(
    student='features', teacher='features',
    loss=dict(type='ClipFrameCorrespondence', hidden_channels=(512, 128),
              student_channels='auto', teacher_channels='auto'))))
default_hooks = dict(checkpoint=dict(save_best='quick_acc/top1', rule='greater'))
