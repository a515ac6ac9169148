# Fine-tuning of AMD's ViT-B on Kinetics-400. Numbers of the authors' vitb_k400_ft.sh (82.2 %, MODEL_ZOO.md). Test: 5 clips,
# 3 crops.
#   kdtoolbox train video_transformers/finetune_amd_vit_b16_kinetics400 --cfg-options load_from=student.pth
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/kinetics400.py', '../_base_/students/vit_b16.py',
          '../_base_/schedules/adamw_100e_layer_decay.py', '../_base_/tubelets.py']
from kdtoolbox.config_files import fine_tuning

model = dict(clip_shape=(16, 224, 224), student=fine_tuning.student(400, backbone=_base_.tubelet_backbone))
train_dataloader, val_dataloader, test_dataloader, test_evaluator = fine_tuning.data(_base_, _base_.dense_clip, views=2)
train_cfg, param_scheduler, optim_wrapper, auto_scale_lr = fine_tuning.optimization(
    _base_.param_scheduler, lr=7e-4, max_epochs=90, warmup_epochs=5, views=2)  # theirs is for 512 videos
custom_hooks, default_hooks = fine_tuning.hooks(_base_.custom_hooks)
