# UMT, Li et al., ICCV 2023: a ViT-B that sees 20 % of the tokens, those that CLIP looks at, learns to give CLIP's
# tokens, without labels. Numbers of the authors' script b16_ptk710_f8_res224.sh, but for the data: Kinetics-400 alone.
# Their targets pass CLIP's last norm and projection first; here they are the blocks' own. Needs timm, for CLIP.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/kinetics400.py', '../_base_/students/vit_b16.py',
          '../_base_/schedules/adamw_200e_masked.py']
depths = range(6, 12)  # the last six blocks of both

model = dict(
    use_labels=False, clip_shape=(8, 224, 224),
    student_tokens=dict(type='AttentionTokens', keep=0.2),
    teacher=dict(type='EmbeddingTeacher', model='timm.vit_base_patch16_clip_224.openai', weights='pretrained',
                 view=dict(size=224)),  # it sees all 8 frames, one for each time step of the student
    terms=dict(umt=dict(
        student=[f'backbone.blocks.{depth}' for depth in depths], teacher=[f'blocks.{depth}' for depth in depths],
        student_connector=dict(type='PatchTokens'),
        teacher_connector=[dict(type='TokensToMap', num_prefix_tokens=1), dict(type='MatchGrid', grid=(8, 14, 14))],
        loss=dict(type='UMT', student_channels='auto', teacher_channels='auto'))))

train_dataloader = dict(batch_size=64, dataset=dict(pipeline=[
    dict(type='OpenVideo'), dict(type='UniformSample', clip_len=8),  # 8 frames spread over the whole video
    *_base_.train_pipeline[2:]]))
validation_size = 224
val_pipeline = [
    dict(type='OpenVideo'), dict(type='SampleClipsEvenly', clip_len=8, num_clips=3, frame_stride=4),
    dict(type='DecodeClip'), dict(type='Resize', scale=(342, 256), keep_ratio=False),
    dict(type='CenterCrop', crop_size=224), *_base_.clip_pipeline]
val_dataloader = test_dataloader = dict(dataset=dict(datasets=[
    {**dataset, 'pipeline': val_pipeline} for dataset in _base_.val_dataloader.dataset.datasets]))
val_evaluator = test_evaluator = [dict(type='ClipRetrieval')]  # no accuracy: the head is never trained
default_hooks = dict(checkpoint=dict(save_best='retrieval/top5', rule='greater'))
