# Fine-tuning of UMT's ViT-B on Something-Something V2, never flipped. Numbers of the authors' b16_ptk710_ftssv2_f8_res224.sh
# (70.8 % after pre-training on Kinetics-710, MODEL_ZOO.md). Test: 2 clips, 3 crops.
#   kdtoolbox train video_transformers/finetune_umt_vit_b16_ssv2 --cfg-options load_from=student.pth
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/ssv2.py', '../_base_/students/vit_b16.py',
          '../_base_/schedules/adamw_100e_layer_decay.py', '../_base_/finetune_umt.py']
from kdtoolbox.config_files import fine_tuning

model = dict(clip_shape=(8, 224, 224), student=fine_tuning.student(174))
train_dataloader, val_dataloader, test_dataloader, test_evaluator = fine_tuning.data(
    _base_, _base_.spread, test=dict(_base_.spread, num_clips=2), views=2, flip=False)
train_cfg, param_scheduler, optim_wrapper, auto_scale_lr = fine_tuning.optimization(
    _base_.param_scheduler, lr=2e-4, max_epochs=30, warmup_epochs=5, views=2)
custom_hooks, default_hooks = fine_tuning.hooks(_base_.custom_hooks)
