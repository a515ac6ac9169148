# Fine-tuning of MVD's ViT-B on Kinetics-400. Numbers of the authors' finetune_on_k400.sh, below
# mvd_vit_base_from_vit_base_teacher_epoch_400 (82.7 %, MODEL_ZOO.md). Test: 5 clips, 3 crops.
#   kdtoolbox train video_transformers/finetune_mvd_vit_b16_kinetics400 --cfg-options load_from=student.pth
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/kinetics400.py', '../_base_/students/vit_b16.py',
          '../_base_/schedules/adamw_100e_layer_decay.py', '../_base_/tubelets.py', '../_base_/two_views.py']
from kdtoolbox.config_files import fine_tuning

head, mixing = fine_tuning.soft_labels(400)
model = dict(clip_shape=(16, 224, 224), student=dict(
    backbone=_base_.tubelet_backbone, cls_head=head, data_preprocessor=mixing))
train_dataloader = dict(_base_.repeated, dataset=dict(pipeline=fine_tuning.train_pipeline(_base_.dense_clip)))
optim_wrapper = dict(optimizer=dict(lr=5e-4))  # for 256 videos; theirs are 384, by accumulating
auto_scale_lr = _base_.videos_scale_lr
train_cfg, param_scheduler = fine_tuning.schedule(_base_.param_scheduler, max_epochs=75, warmup_epochs=5)
val_dataloader, test_dataloader, test_evaluator = fine_tuning.evaluation(
    (_base_.val_dataloader, _base_.fine_tuning_clips), (_base_.test_dataloader, _base_.fine_tuning_test_clips))
custom_hooks = fine_tuning.with_new_classifier(_base_.custom_hooks)  # load_from gives the rest of the student
default_hooks = dict(checkpoint=dict(save_best='quick_acc/top1', rule='greater'))
