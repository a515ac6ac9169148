# A ViT-B teaches a ViT-S, a quarter of its size, without labels: MVD (Wang et al., CVPR 2023), see _base_/mvd.py. In the
# authors' table the ViT-S reaches 80.6 % on Kinetics-400 after fine-tuning, their ViT-B 82.7 % (MODEL_ZOO.md).
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/kinetics400.py', '../_base_/students/vit_b16.py',
          '../_base_/schedules/adamw_400e_masked.py', '../_base_/mvd.py', '../_base_/tubelets.py']
from kdtoolbox.config_files import clip_loaders as clips

model = dict(_base_.mvd_model, student_tokens=_base_.hide, student=dict(
    backbone=dict(_base_.tubelet_backbone, **_base_.vit_s), cls_head=dict(in_channels=384)))
train_dataloader = dict(batch_size=32, dataset=dict(pipeline=[*_base_.tubelet_clip, *_base_.train_pipeline[2:]]))
validation_size = 224
val_dataloader = test_dataloader = clips.retrieval_dataloader(_base_.val_dataloader, clip_len=16, size=validation_size)
val_evaluator = test_evaluator = [dict(type='ClipRetrieval')]  # no accuracy: the head is never trained
default_hooks = dict(checkpoint=dict(save_best='retrieval/top5', rule='greater'))
