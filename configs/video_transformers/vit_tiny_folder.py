# A video transformer in minutes on two cores, on real clips of yours: it sees half of its tokens and learns a MobileNetV2's
# 7 x 7 map there, without labels. The first stage of stages/image_to_vit_tiny_to_r3d_folder; docs/video_transformers.md has
# what it gives.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/folder.py', '../_base_/students/vit_tiny_112.py',
          '../_base_/schedules/adamw_500_steps.py', '../_base_/eight_frames.py']
from kdtoolbox.config_files import clip_loaders as clips

max_iters = 200
model = dict(
    type='Distiller', use_labels=False, student_view=dict(size=112), clip_shape=(8, 224, 224), student=_base_.vit_tiny_112,
    student_tokens=dict(type='TubeTokens', keep=0.5),
    # It runs along: a cache holds every frame of the videos, of 156 clips of UCF-101 eight times as many as these steps see.
    teacher=dict(
        type='ImageTeacher', model='torchvision.mobilenet_v2', weights='{{$MOBILENET_V2_WEIGHTS:IMAGENET1K_V1}}',
        pooling='mean_logits', view=dict(size=224, frame_stride=4)),  # a frame for each of the student's time steps
    terms=dict(umt=dict(student='backbone.blocks.3', teacher='features.18', student_connector=dict(type='PatchTokens'),
                        teacher_connector=dict(type='MatchGrid', grid=(2, 7, 7)),
                        loss=dict(type='UMT', student_channels='auto', teacher_channels='auto'))))
train_dataloader = _base_.eight_frames_loader
val_dataloader = val_evaluator = val_cfg = None  # tested once, when it is trained
test_dataloader = dict(num_workers=2, **clips.with_pipeline(_base_.test_dataloader, _base_.eight_frames_test))
test_evaluator = _base_.retrieval_alone[1]
train_cfg = dict(max_iters=max_iters)
optim_wrapper = dict(clip_grad=dict(max_norm=5), optimizer=dict(lr=1e-3, weight_decay=0.05))
param_scheduler = [dict(_base_.param_scheduler[0], end=max_iters // 20),
                   dict(_base_.param_scheduler[1], begin=max_iters // 20, end=max_iters, T_max=max_iters)]
log_processor = _base_.each_step
default_hooks = dict(checkpoint=dict(_base_.each_step, interval=max_iters, max_keep_ckpts=1))
