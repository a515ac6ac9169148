# UMT (Li et al., ICCV 2023) on Kinetics-400: CLIP teaches a ViT-B without labels, see _base_/umt.py. The authors take
# Kinetics-710, three of its data sets together.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/kinetics400.py', '../_base_/students/vit_b16.py',
          '../_base_/schedules/adamw_200e_masked.py', '../_base_/umt.py']
from kdtoolbox.config_files import clip_loaders as clips

model = _base_.umt_model
train_dataloader = dict(batch_size=_base_.umt_batch_size, dataset=dict(pipeline=[*_base_.umt_clip, *_base_.train_pipeline[2:]]))
validation_size = 224
val_dataloader = test_dataloader = clips.retrieval_dataloader(_base_.val_dataloader, clip_len=8, size=validation_size)
val_evaluator = test_evaluator = [dict(type='ClipRetrieval')]  # no accuracy: the head is never trained
default_hooks = dict(checkpoint=dict(save_best='retrieval/top5', rule='greater'))
