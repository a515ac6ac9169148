# AMD (Zhao et al., CVPR 2024) of a ViT-B, beside the prediction of pixels: see _base_/amd.py.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/kinetics400.py', '../_base_/students/vit_b16.py',
          '../_base_/schedules/adamw_200e_amd.py', '../_base_/tubelets.py', '../_base_/amd.py']
from kdtoolbox.config_files import clip_loaders as clips

model = dict(_base_.amd_model, terms=dict(pixels=_base_.pixels, amd=_base_.amd_term),
             student=dict(backbone=_base_.pretraining_backbone))
train_dataloader = dict(batch_size=_base_.amd_videos, dataset=dict(pipeline=[
    dict(type='OpenVideo'), dict(_base_.dense_clip, num_clips=4), *_base_.train_pipeline[2:]]))
validation_size = 224
val_dataloader = test_dataloader = clips.retrieval_dataloader(_base_.val_dataloader, clip_len=16, size=validation_size)
val_evaluator = test_evaluator = [dict(type='ClipRetrieval')]  # no accuracy: the head is never trained
default_hooks = dict(checkpoint=dict(save_best='retrieval/top5', rule='greater'))
