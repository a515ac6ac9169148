# Fine-tuning of MVD's or AMD's ViT-S on Something-Something V2, never flipped. Numbers of MVD's authors' finetune_on_ssv2.sh,
# below mvd_vit_small_from_vit_base_teacher_epoch_400 (70.7 %); AMD's vits_ssv2_ft.sh (70.2 % after pre-training on this data
# set) has them too, but a layer decay of 0.75. MODEL_ZOO.md of both. Test: 2 clips, 3 crops.
#   kdtoolbox train video_transformers/finetune_vit_s_ssv2 --cfg-options load_from=student.pth
_base_ = ['finetune_vit_b16_ssv2.py']
from kdtoolbox.config_files import fine_tuning

vit_s, in_channels = _base_.vit_s, 384
model = dict(student=dict(backbone=vit_s, cls_head=dict(in_channels=in_channels)))
train_cfg, param_scheduler, optim_wrapper, auto_scale_lr = fine_tuning.optimization(
    _base_.param_scheduler, lr=1e-3, max_epochs=40, warmup_epochs=5, views=2)  # MVD's is for 384 videos, AMD's for 256
optim_wrapper['paramwise_cfg'] = dict(decay_rate=0.7)
