# The tiny transformer teaches an R3D-18 of a quarter of its width, 8 frames of 56²: its classes, beside the labels of your
# clips. The last stage of stages/image_to_vit_tiny_to_r3d_folder.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/folder.py', '../_base_/students/r3d18.py',
          '../_base_/schedules/adamw_500_steps.py', '../_base_/students/vit_tiny_112.py', '../_base_/eight_frames.py']
from kdtoolbox.config_files import clip_loaders as clips

max_iters = 200
model = dict(
    student_view=dict(size=56), clip_shape=(8, 224, 224),
    student=dict(backbone=dict(base_channels=16), cls_head=dict(num_classes=6, in_channels=128, dropout_ratio=0.0)),
    teacher=dict(type='RecognizerTeacher', recognizer=_base_.vit_tiny_112, view=dict(size=112),
                 weights='work_dirs/vit_tiny.pth'),
    terms=dict(kd=dict(student='logits', teacher='logits', loss=dict(type='KLDivergence', temperature=2.0))))
# Where labels_per_class leaves videos without labels, they are learned from the teacher.
train_dataloader = dict(_base_.eight_frames_loader, dataset=dict(pipeline=_base_.eight_frames, unlabelled='keep'))
val_dataloader = val_evaluator = val_cfg = None  # tested once, when it is trained
test_dataloader = dict(num_workers=2, **clips.with_pipeline(_base_.test_dataloader, _base_.eight_frames_test))
train_cfg = dict(max_iters=max_iters)
optim_wrapper = dict(optimizer=dict(lr=1e-3, weight_decay=0.05))
param_scheduler = [dict(_base_.param_scheduler[0], end=max_iters // 20),
                   dict(_base_.param_scheduler[1], begin=max_iters // 20, end=max_iters, T_max=max_iters)]
log_processor = _base_.each_step
default_hooks = dict(checkpoint=dict(_base_.each_step, interval=max_iters, max_keep_ckpts=1))
