# The tiny transformer of vit_tiny_folder.py, fine-tuned with the labels of your clips: all of it comes from load_from. The
# second stage of stages/image_to_vit_tiny_to_r3d_folder. Without load_from it learns from the labels alone.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/folder.py', '../_base_/students/vit_tiny_112.py',
          '../_base_/schedules/adamw_500_steps.py', '../_base_/eight_frames.py']
from kdtoolbox.config_files import clip_loaders as clips
from kdtoolbox.config_files import fine_tuning

max_iters = 200
model = dict(type='Distiller', student_view=dict(size=112), student=_base_.vit_tiny_112)
train_dataloader = _base_.eight_frames_loader
val_dataloader = val_evaluator = val_cfg = None  # tested once, when it is trained
test_dataloader = dict(num_workers=2, **clips.with_pipeline(_base_.test_dataloader, _base_.eight_frames_test))
train_cfg, optim_wrapper, param_scheduler = fine_tuning.of_few_steps(
    _base_.param_scheduler, max_iters=max_iters, num_layers=4, lr=5e-4)
log_processor = _base_.each_step
default_hooks = dict(checkpoint=dict(_base_.each_step, interval=max_iters, max_keep_ckpts=1))
