# Fine-tuning of the ViT-S of vit_b_to_vit_s_kinetics400.py. Numbers of MVD's authors' finetune_on_k400.sh, below
# mvd_vit_small_from_vit_base_teacher_epoch_400 (80.6 %, MODEL_ZOO.md): twice the epochs of their ViT-B. Test: 5 clips, 3 crops.
#   kdtoolbox train video_transformers/finetune_mvd_vit_s_kinetics400 --cfg-options load_from=student.pth
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/kinetics400.py', '../_base_/students/vit_b16.py',
          '../_base_/schedules/adamw_100e_layer_decay.py', '../_base_/tubelets.py']
from kdtoolbox.config_files import fine_tuning

model = dict(clip_shape=(16, 224, 224), student=fine_tuning.student(
    400, backbone=dict(_base_.tubelet_backbone, **_base_.vit_s), in_channels=384))
train_dataloader, val_dataloader, test_dataloader, test_evaluator = fine_tuning.data(_base_, _base_.dense_clip, views=2)
train_cfg, param_scheduler, optim_wrapper, auto_scale_lr = fine_tuning.optimization(
    _base_.param_scheduler, lr=5e-4, max_epochs=150, warmup_epochs=5, views=2)  # theirs: for 384 videos, accumulated
custom_hooks, default_hooks = fine_tuning.hooks(_base_.custom_hooks)
