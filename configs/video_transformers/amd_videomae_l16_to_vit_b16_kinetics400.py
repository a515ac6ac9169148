# AMD (Zhao et al., CVPR 2024): VideoMAE's ViT-L sees 25 % of the tokens, the ViT-B 10 %; tokens that both see are aligned,
# those that the teacher alone sees are generated, at the middle and the end of both, beside the prediction of pixels.
# Numbers of the authors' script vitb_k400_pt.sh.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/kinetics400.py', '../_base_/students/vit_b16.py',
          '../_base_/schedules/adamw_200e_amd.py', '../_base_/tubelets.py']
from kdtoolbox.config_files import clip_loaders as clips

model = dict(
    use_labels=False, clip_shape=(16, 224, 224), student=dict(backbone=_base_.pretraining_backbone),
    student_tokens=dict(_base_.hide, teacher_keep=0.25),
    teacher=dict(type='VideoTeacher', model='transformers.MCG-NJU/videomae-large', view=dict(size=224)),
    terms=dict(pixels=_base_.pixels, amd=dict(
        student=['backbone.blocks.5', 'backbone.blocks.11'], teacher=['encoder.layer.11', 'encoder.layer.23'],
        student_connector=dict(type='PatchTokens'), teacher_connector=dict(type='PatchTokens'),
        loss=dict(type='AMD', student_channels='auto', teacher_channels='auto', decoder_depth=2, decoder_heads=16))))
train_dataloader = dict(batch_size=16, dataset=dict(pipeline=[  # videos of each process; theirs has 32
    dict(type='OpenVideo'), dict(_base_.dense_clip, num_clips=4), *_base_.train_pipeline[2:]]))  # with one crop here
validation_size = 224
val_dataloader = test_dataloader = clips.retrieval_dataloader(_base_.val_dataloader, clip_len=16, size=validation_size)
val_evaluator = test_evaluator = [dict(type='ClipRetrieval')]  # no accuracy: the head is never trained
default_hooks = dict(checkpoint=dict(save_best='retrieval/top5', rule='greater'))
