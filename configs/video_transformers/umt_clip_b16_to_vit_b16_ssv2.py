# UMT (Li et al., ICCV 2023) on Something-Something V2: CLIP teaches a ViT-B without labels, see _base_/umt.py. The authors
# pre-train on Kinetics-710 and fine-tune here; this is for those who have these videos alone.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/ssv2.py', '../_base_/students/vit_b16.py',
          '../_base_/schedules/adamw_200e_masked.py', '../_base_/umt.py']
from kdtoolbox.config_files import clip_loaders as clips

model = dict(_base_.umt_model, student=dict(cls_head=dict(num_classes=174)))
train_dataloader = dict(batch_size=_base_.umt_batch_size, dataset=dict(pipeline=[*_base_.umt_clip, *_base_.train_pipeline[2:]]))
validation_size = 224
val_dataloader = test_dataloader = clips.retrieval_dataloader(_base_.val_dataloader, clip_len=8, size=validation_size)
val_evaluator = test_evaluator = [dict(type='ClipRetrieval')]  # no accuracy: the head is never trained
default_hooks = dict(checkpoint=dict(save_best='retrieval/top5', rule='greater'))
