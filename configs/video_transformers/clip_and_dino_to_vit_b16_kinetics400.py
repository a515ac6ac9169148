# Many teachers at once, in the manner of AM-RADIO (Ranzinger et al., CVPR 2024): CLIP and DINOv2 teach one ViT-B, each by a
# head of its own on the student's features; their losses are divided by the running variance of the target, so that the
# one with the larger numbers does not win. Needs timm. Without labels.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/kinetics400.py', '../_base_/students/vit_b16.py',
          '../_base_/schedules/adamw_200e_masked.py']
from kdtoolbox.config_files import clip_loaders as clips

foundation = dict(type='EmbeddingTeacher', weights='pretrained')
summary = dict(student='features', loss=dict(type='L2'),
               student_connector=dict(type='MLPProjection', in_channels='auto', out_channels='auto'))  # dropped afterwards
balanced = dict(type='Standardize', channels='auto', scale='all')  # PHI-S: type='PHIStandardize', no scale

model = dict(
    use_labels=False, clip_shape=(8, 224, 224),
    teacher=dict(
        clip=dict(foundation, model='timm.vit_base_patch16_clip_224.openai', view=dict(size=224, frame_stride=2)),
        dino=dict(foundation, model='timm.vit_base_patch14_dinov2.lvd142m', view=dict(size=518, frame_stride=2))),
    terms=dict(clip=dict(summary, teacher='clip.features', teacher_connector=balanced),
               dino=dict(summary, teacher='dino.features', teacher_connector=balanced)))
train_dataloader = dict(batch_size=32, dataset=dict(pipeline=[
    dict(type='OpenVideo'), dict(type='UniformSample', clip_len=8), *_base_.train_pipeline[2:]]))
validation_size = 224
val_dataloader = test_dataloader = clips.retrieval_dataloader(_base_.val_dataloader, clip_len=8, size=validation_size)
val_evaluator = test_evaluator = [dict(type='ClipRetrieval')]  # no accuracy: the head is never trained
default_hooks = dict(checkpoint=dict(save_best='retrieval/top5', rule='greater'))
