# AM-RADIO (Ranzinger et al., CVPR 2024, arXiv:2312.06709): CLIP and DINOv2 teach one ViT-B that has a summary token for
# each; heads of its own learn their summaries (cosine) and tokens (0.9 cosine, 0.1 smooth L1), all with weight 1, as there,
# tokens divided by their running deviation. Learning rate and epochs are UMT's. Needs timm. Without labels.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/kinetics400.py', '../_base_/students/vit_b16.py',
          '../_base_/schedules/adamw_200e_masked.py']
from kdtoolbox.config_files import clip_loaders as clips

foundation = dict(type='EmbeddingTeacher', weights='pretrained')
head = dict(type='MLPProjection', in_channels='auto', out_channels='auto', layer_norm=True)  # dropped afterwards
summary = dict(student='backbone.blocks.11', loss=dict(type='Cosine'))
tokens = dict(
    student='backbone.blocks.11', student_connector=[dict(type='PatchTokens', num_prefix_tokens=2), head],
    teacher_connector=[dict(type='TokensToMap', num_prefix_tokens=1), dict(type='MatchGrid', grid=(8, 14, 14)),
                       dict(type='Standardize', channels='auto', scale='all')],  # PHI-S: type='PHIStandardize', no scale
    loss=dict(type='AMRadio', cosine_share=0.9))
model = dict(use_labels=False, clip_shape=(8, 224, 224),
    student=dict(backbone=dict(type='SummaryVisionTransformer', num_summary_tokens=2)),
    teacher=dict(clip=dict(foundation, model='timm.vit_base_patch16_clip_224.openai', view=dict(size=224)),
        dino=dict(foundation, model=dict(type='timm.vit_base_patch14_dinov2.lvd142m', img_size=196),
                  view=dict(size=196))),  # 14 x 14 tokens, as the student; of its own 518² they would be 37 x 37
    terms=dict(
        clip=dict(summary, teacher='clip.features', student_connector=[dict(type='ClassToken', index=0), head]),
        dino=dict(summary, teacher='dino.features', student_connector=[dict(type='ClassToken', index=1), head]),
        clip_tokens=dict(tokens, teacher='clip.norm'), dino_tokens=dict(tokens, teacher='dino.norm')))
sampled = [dict(type='OpenVideo'), dict(type='UniformSample', clip_len=8), *_base_.train_pipeline[2:]]
train_dataloader = dict(batch_size=32, dataset=dict(pipeline=sampled))
validation_size = 224
val_dataloader = test_dataloader = clips.retrieval_dataloader(_base_.val_dataloader, clip_len=8, size=validation_size)
val_evaluator = test_evaluator = [dict(type='ClipRetrieval')]  # no accuracy: the head is never trained
default_hooks = dict(checkpoint=dict(save_best='retrieval/top5', rule='greater'))
