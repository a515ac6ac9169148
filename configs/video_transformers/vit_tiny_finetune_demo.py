# The demo's transformer, fine-tuned with three labels of each class: all of it comes from load_from. The second stage of
# stages/image_to_vit_tiny_to_r3d_demo.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/digits.py', '../_base_/students/vit_tiny.py',
          '../_base_/schedules/adamw_500_steps.py']
from kdtoolbox.config_files import fine_tuning

model = dict(type='Distiller', student_view=dict(size=48), student=_base_.vit_tiny)
train_dataloader = dict(dataset=dict(labels_per_class=3))
test_pipeline = [*_base_.test_pipeline[:4], dict(_base_.test_pipeline[4], scale=(48, 48)), *_base_.clip_pipeline]
test_dataloader = dict(_base_.test_dataloader, dataset=dict(type='ConcatDataset', datasets=[
    {**part, 'pipeline': test_pipeline} for part in _base_.test_dataloader.dataset.datasets]))
val_cfg = None  # tested once, when it is trained
max_iters = 200
train_cfg, optim_wrapper, param_scheduler = fine_tuning.of_few_steps(
    _base_.param_scheduler, max_iters=max_iters, num_layers=4, lr=5e-4)
custom_hooks = [hook for hook in _base_.custom_hooks if hook.type != 'FullTestHook']
log_processor = dict(by_epoch=False)
default_hooks = dict(checkpoint=dict(by_epoch=False, interval=max_iters, max_keep_ckpts=1))
