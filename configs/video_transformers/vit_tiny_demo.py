# A video transformer in minutes on two cores, on the videos of the demo (`kdtoolbox demo --compare` makes them and trains the
# image network): it sees half of its tokens and learns the image network's map there, and its classes, without labels.
#   kdtoolbox train configs/video_transformers/vit_tiny_demo.py
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/digits.py', '../_base_/students/vit_tiny.py',
          '../_base_/schedules/adamw_500_steps.py', '../_base_/digit_teacher.py']

teacher_weights = 'work_dirs/demo/image_teacher.pth'
model = dict(
    type='Distiller', use_labels=False, student_view=dict(size=48), clip_shape=(8, 56, 56), student=_base_.vit_tiny,
    student_tokens=dict(type='TubeTokens', keep=0.5),
    teacher=dict(
        type='ImageTeacher', model=_base_.image_network, weights=teacher_weights, pooling='mean_logits',
        view=dict(size=48, frame_stride=2)),  # the first frame of each of the student's four time steps
    terms=dict(
        umt=dict(student='backbone.blocks.3', teacher='backbone.layer2', student_connector=dict(type='PatchTokens'),
                 teacher_connector=dict(type='MatchGrid', grid=(4, 6, 6)),
                 loss=dict(type='UMT', student_channels='auto', teacher_channels='auto')),
        kd=dict(student='logits', teacher='logits', loss=dict(type='KLDivergence', temperature=2.0))))

test_pipeline = [*_base_.test_pipeline[:4], dict(_base_.test_pipeline[4], scale=(48, 48)), *_base_.clip_pipeline]
test_dataloader = val_dataloader = dict(_base_.test_dataloader, dataset=dict(type='ConcatDataset', datasets=[
    {**part, 'pipeline': test_pipeline} for part in _base_.test_dataloader.dataset.datasets]))
val_evaluator = _base_.test_evaluator
max_iters = 600
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
optim_wrapper = dict(clip_grad=dict(max_norm=5), optimizer=dict(lr=1e-3, weight_decay=0.05))
param_scheduler = [dict(_base_.param_scheduler[0], end=max_iters // 20),
                   dict(_base_.param_scheduler[1], begin=max_iters // 20, end=max_iters, T_max=max_iters)]
log_processor = dict(by_epoch=False)
default_hooks = dict(checkpoint=dict(by_epoch=False, interval=max_iters, max_keep_ckpts=1))
