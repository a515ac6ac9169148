# Fine-tuning of MVD's or AMD's ViT-B on Something-Something V2, never flipped. Numbers of MVD's authors' finetune_on_ssv2.sh
# (72.5 % of a ViT-B that a ViT-B taught on Kinetics-400), and the same of AMD's vitb_ssv2_ft.sh (73.3 % after pre-training on
# this data set), MODEL_ZOO.md of both. 16 frames spread over the whole video. Test: 2 clips, 3 crops.
#   kdtoolbox train video_transformers/finetune_vit_b16_ssv2 --cfg-options load_from=student.pth
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/ssv2.py', '../_base_/students/vit_b16.py',
          '../_base_/schedules/adamw_100e_layer_decay.py', '../_base_/tubelets.py', '../_base_/two_views.py']
from kdtoolbox.config_files import fine_tuning

head, mixing = fine_tuning.soft_labels(174)
spread = dict(type='UniformSample', clip_len=16)
model = dict(clip_shape=(16, 224, 224), student=dict(
    backbone=_base_.tubelet_backbone, cls_head=head, data_preprocessor=mixing))
train_dataloader = dict(_base_.repeated, dataset=dict(pipeline=fine_tuning.train_pipeline(spread, flip=False)))
optim_wrapper = dict(optimizer=dict(lr=5e-4))  # for 256 videos; MVD's are 384, AMD's 256
auto_scale_lr = _base_.videos_scale_lr
train_cfg, param_scheduler = fine_tuning.schedule(_base_.param_scheduler, max_epochs=30, warmup_epochs=5)
val_pipeline, test_pipeline = [*_base_.fine_tuning_clips], [*_base_.fine_tuning_test_clips]
val_pipeline[1], test_pipeline[1] = dict(spread, test_mode=True), dict(spread, num_clips=2, test_mode=True)
val_dataloader, test_dataloader, test_evaluator = fine_tuning.evaluation(
    (_base_.val_dataloader, val_pipeline), (_base_.test_dataloader, test_pipeline))
custom_hooks = fine_tuning.with_new_classifier(_base_.custom_hooks)  # load_from gives the rest of the student
default_hooks = dict(checkpoint=dict(save_best='quick_acc/top1', rule='greater'))
