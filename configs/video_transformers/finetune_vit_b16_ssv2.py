# Fine-tuning of MVD's or AMD's ViT-B on Something-Something V2, never flipped. Numbers of MVD's authors' finetune_on_ssv2.sh
# (72.5 % of a ViT-B that a ViT-B taught on Kinetics-400), and the same of AMD's vitb_ssv2_ft.sh (73.3 % after pre-training on
# this data set), MODEL_ZOO.md of both. 16 frames spread over the whole video. Test: 2 clips, 3 crops.
#   kdtoolbox train video_transformers/finetune_vit_b16_ssv2 --cfg-options load_from=student.pth
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/ssv2.py', '../_base_/students/vit_b16.py',
          '../_base_/schedules/adamw_100e_layer_decay.py', '../_base_/tubelets.py']
from kdtoolbox.config_files import fine_tuning

spread = dict(type='UniformSample', clip_len=16)
model = dict(clip_shape=(16, 224, 224), student=fine_tuning.student(174, backbone=_base_.tubelet_backbone))
train_dataloader, val_dataloader, test_dataloader, test_evaluator = fine_tuning.data(
    _base_, spread, quick=spread, test=dict(spread, num_clips=2), views=2, flip=False)
train_cfg, param_scheduler, optim_wrapper, auto_scale_lr = fine_tuning.optimization(
    _base_.param_scheduler, lr=5e-4, max_epochs=30, warmup_epochs=5, views=2)  # MVD's is for 384 videos, AMD's for 256
custom_hooks, default_hooks = fine_tuning.hooks(_base_.custom_hooks)
