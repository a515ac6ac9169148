# UMT with a larger student than the authors': CLIP's ViT-B teaches a ViT-L, whose weights, gradients and optimizer are
# sharded over the processes (FSDP). Start it by torchrun, see docs/scaling.md.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/kinetics400.py', '../_base_/students/vit_b16.py',
          '../_base_/schedules/adamw_200e_masked.py', '../_base_/umt.py']
from kdtoolbox.config_files import clip_loaders as clips

model_wrapper_cfg = dict(type='FullyShardedStudent')
model = dict(_base_.umt_model, **dict(
    student=dict(backbone=dict(embed_dims=1024, depth=24, num_heads=16), cls_head=dict(in_channels=1024)),
    terms=dict(umt=dict(_base_.umt_model.terms.umt, student=[f'backbone.blocks.{depth}' for depth in range(18, 24)]))))
train_dataloader = dict(batch_size=32, dataset=dict(pipeline=[  # of each process
    dict(type='OpenVideo'), dict(type='UniformSample', clip_len=8), *_base_.train_pipeline[2:]]))
validation_size = 224
val_pipeline = clips.evenly_spaced(num_clips=3, clip_len=8, frame_stride=4, size=validation_size)
val_dataloader = test_dataloader = clips.with_pipeline(_base_.val_dataloader, val_pipeline)
val_evaluator = test_evaluator = [dict(type='ClipRetrieval')]  # no accuracy: the head is never trained
default_hooks = dict(checkpoint=dict(save_best='retrieval/top5', rule='greater'))
