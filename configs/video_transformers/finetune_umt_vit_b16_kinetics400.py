# Fine-tuning of UMT's ViT-B on Kinetics-400. Numbers of the authors' b16_ptk710_ftk710_f8_res224.sh, for Kinetics-710.
# Test: 4 clips, 3 crops.
#   kdtoolbox train video_transformers/finetune_umt_vit_b16_kinetics400 --cfg-options load_from=student.pth
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/kinetics400.py', '../_base_/students/vit_b16.py',
          '../_base_/schedules/adamw_100e_layer_decay.py', '../_base_/finetune_umt.py', '../_base_/two_views.py']
from kdtoolbox.config_files import fine_tuning

head, mixing = fine_tuning.soft_labels(400)
model = dict(student=dict(cls_head=head, data_preprocessor=mixing), clip_shape=(8, 224, 224))
train_dataloader = dict(_base_.repeated, dataset=dict(pipeline=fine_tuning.train_pipeline(_base_.spread)))
optim_wrapper = dict(optimizer=dict(lr=2e-4))  # for 256 videos
auto_scale_lr = _base_.videos_scale_lr
train_cfg, param_scheduler = fine_tuning.schedule(_base_.param_scheduler, max_epochs=35, warmup_epochs=2)
test_pipeline = [*_base_.fine_tuning_test_clips]
test_pipeline[1] = dict(_base_.spread, num_clips=4, test_mode=True)
val_dataloader, test_dataloader, test_evaluator = fine_tuning.evaluation(
    (_base_.val_dataloader, _base_.fine_tuning_clips), (_base_.test_dataloader, test_pipeline))
custom_hooks = fine_tuning.with_new_classifier(_base_.custom_hooks)  # load_from gives the rest of the student
default_hooks = dict(checkpoint=dict(save_best='quick_acc/top1', rule='greater'))
