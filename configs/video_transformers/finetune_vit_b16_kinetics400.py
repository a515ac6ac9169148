# Fine-tuning of a ViT-B that VideoMAE trained: it learns the classes of Kinetics-400. Numbers of VideoMAE's script for 800
# epochs of pre-training; MVD and AMD have their own, finetune_mvd_*.py and finetune_amd_*.py. Test: 5 clips, 3 crops.
#   kdtoolbox train video_transformers/finetune_vit_b16_kinetics400 --cfg-options load_from=student.pth
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/kinetics400.py', '../_base_/students/vit_b16.py',
          '../_base_/schedules/adamw_100e_layer_decay.py', '../_base_/tubelets.py']
from kdtoolbox.config_files import fine_tuning

model = dict(clip_shape=(16, 224, 224), student=fine_tuning.student(400, backbone=_base_.tubelet_backbone))
train_dataloader, val_dataloader, test_dataloader, test_evaluator = fine_tuning.data(_base_, _base_.dense_clip)
custom_hooks, default_hooks = fine_tuning.hooks(_base_.custom_hooks)
