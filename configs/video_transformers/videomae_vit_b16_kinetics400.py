# VideoMAE (Tong et al., NeurIPS 2022): a ViT-B that sees 10 % of the tokens predicts the pixels of the others: no teacher and
# no labels. Numbers of the authors' script of 800 epochs.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/kinetics400.py', '../_base_/students/vit_b16.py',
          '../_base_/schedules/adamw_200e_masked.py', '../_base_/tubelets.py']
from kdtoolbox.config_files import clip_loaders as clips
from kdtoolbox.config_files import fine_tuning

model = dict(
    use_labels=False, clip_shape=(16, 224, 224), student=dict(backbone=_base_.pretraining_backbone),
    student_tokens=_base_.hide, terms=dict(pixels=_base_.pixels))
train_dataloader = dict(batch_size=32, dataset=dict(pipeline=[*_base_.tubelet_clip, *_base_.train_pipeline[2:]]))
train_cfg, param_scheduler = fine_tuning.schedule(_base_.param_scheduler, max_epochs=800, warmup_epochs=40)
validation_size = 224
val_dataloader = test_dataloader = clips.retrieval_dataloader(_base_.val_dataloader, clip_len=16, size=validation_size)
val_evaluator = test_evaluator = [dict(type='ClipRetrieval')]  # no accuracy: the head is never trained
default_hooks = dict(checkpoint=dict(save_best='retrieval/top5', rule='greater'))
