# VideoMAE v2's distillation (Wang et al., CVPR 2023): a fine-tuned video teacher's classes teach a ViT-B that was pre-trained,
# by their KL divergence. The paper's teacher is a ViT-g on Kinetics-710 (86.6 % for its ViT-B, MODEL_ZOO.md), whose weights
# are on request; here VideoMAE's ViT-L. The authors' script is not published: schedule of VideoMAE's fine-tuning.
#   kdtoolbox train video_transformers/videomae_v2_vit_l16_to_vit_b16_kinetics400 --cfg-options load_from=student.pth
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/kinetics400.py', '../_base_/students/vit_b16.py',
          '../_base_/schedules/adamw_100e_layer_decay.py', '../_base_/tubelets.py']
from kdtoolbox.config_files import fine_tuning

model = dict(
    use_labels=False, clip_shape=(16, 224, 224), student=dict(backbone=_base_.tubelet_backbone),
    teacher=dict(type='VideoTeacher', model='transformers.MCG-NJU/videomae-large-finetuned-kinetics'),
    terms=dict(kd=dict(student='logits', teacher='logits', loss=dict(type='KLDivergence', temperature=1.0))))
train_dataloader, val_dataloader, test_dataloader, test_evaluator = fine_tuning.data(_base_, _base_.dense_clip)
custom_hooks, default_hooks = fine_tuning.hooks(_base_.custom_hooks)
