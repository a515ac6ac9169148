# Fine-tuning of a ViT-B that MVD, AMD or VideoMAE trained: it learns the classes of Kinetics-400. Numbers of VideoMAE's script
# for 800 epochs of pre-training. Test: 5 clips, 3 crops.
#   kdtoolbox train video_transformers/finetune_vit_b16_kinetics400 --cfg-options load_from=student.pth
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/kinetics400.py', '../_base_/students/vit_b16.py',
          '../_base_/schedules/adamw_100e_layer_decay.py', '../_base_/tubelets.py']
from kdtoolbox.config_files import clip_loaders as clips
from kdtoolbox.config_files import fine_tuning

head, mixing = fine_tuning.soft_labels(400)
model = dict(student=dict(backbone=_base_.tubelet_backbone, cls_head=head, data_preprocessor=mixing), clip_shape=(16, 224, 224))
train_dataloader = dict(batch_size=8, dataset=dict(pipeline=fine_tuning.train_pipeline(_base_.dense_clip)))
test_dataloader = dict(batch_size=2, **clips.with_pipeline(_base_.test_dataloader, clips.three_crops(
    num_clips=5, clip_len=16, frame_stride=4, size=224), roles=['query']))
val_dataloader = clips.with_pipeline(_base_.val_dataloader, clips.evenly_spaced(num_clips=2, clip_len=16, frame_stride=4, size=224))
test_evaluator = [dict(type='QueryAccuracy')]
# load_from gives all of the student but its classifier.
custom_hooks = [dict(hook, replace_head=True) if hook.type == 'PlainCheckpointHook' else hook for hook in _base_.custom_hooks]
default_hooks = dict(checkpoint=dict(save_best='quick_acc/top1', rule='greater'))
