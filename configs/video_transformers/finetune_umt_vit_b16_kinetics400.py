# Fine-tuning of UMT's ViT-B on Kinetics-400. Numbers of the authors' b16_ptk710_ftk710_f8_res224.sh, for Kinetics-710.
# Test: 4 clips, 3 crops.
#   kdtoolbox train video_transformers/finetune_umt_vit_b16_kinetics400 --cfg-options load_from=student.pth
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/kinetics400.py', '../_base_/students/vit_b16.py',
          '../_base_/schedules/adamw_100e_layer_decay.py']
from kdtoolbox.config_files import clip_loaders as clips
from kdtoolbox.config_files import fine_tuning

head, mixing = fine_tuning.soft_labels(400)
model = dict(student=dict(cls_head=head, data_preprocessor=mixing), clip_shape=(8, 224, 224))
spread = dict(type='UniformSample', clip_len=8)  # one frame of each eighth of the video
train_dataloader = dict(batch_size=16, dataset=dict(pipeline=fine_tuning.train_pipeline(spread)))
max_epochs, warmup_epochs = 35, 2
train_cfg = dict(max_epochs=max_epochs)
optim_wrapper = dict(optimizer=dict(lr=2e-4))  # for a batch of 256
param_scheduler = [dict(_base_.param_scheduler[0], end=warmup_epochs),
                   dict(_base_.param_scheduler[1], begin=warmup_epochs, end=max_epochs, T_max=max_epochs - warmup_epochs)]
test_pipeline = clips.three_crops(num_clips=1, clip_len=8, frame_stride=1, size=224)
test_pipeline[1] = dict(type='UniformSample', clip_len=8, num_clips=4, test_mode=True)
test_dataloader = dict(batch_size=2, **clips.with_pipeline(_base_.test_dataloader, test_pipeline, roles=['query']))
val_pipeline = clips.evenly_spaced(num_clips=1, clip_len=8, frame_stride=1, size=224)
val_pipeline[1] = dict(spread, test_mode=True)
val_dataloader = clips.with_pipeline(_base_.val_dataloader, val_pipeline)
test_evaluator = [dict(type='QueryAccuracy')]
# load_from gives all of the student but its classifier.
custom_hooks = [dict(hook, replace_head=True) if hook.type == 'PlainCheckpointHook' else hook for hook in _base_.custom_hooks]
default_hooks = dict(checkpoint=dict(save_best='quick_acc/top1', rule='greater'))
