# Fine-tuning of a ViT-B that VideoMAE trained: it learns the classes of Kinetics-400. Numbers of VideoMAE's script for 800
# epochs of pre-training; MVD and AMD have their own, finetune_mvd_*.py and finetune_amd_*.py. Test: 5 clips, 3 crops.
#   kdtoolbox train video_transformers/finetune_vit_b16_kinetics400 --cfg-options load_from=student.pth
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/kinetics400.py', '../_base_/students/vit_b16.py',
          '../_base_/schedules/adamw_100e_layer_decay.py', '../_base_/tubelets.py']
from kdtoolbox.config_files import fine_tuning

head, mixing = fine_tuning.soft_labels(400)
model = dict(student=dict(backbone=_base_.tubelet_backbone, cls_head=head, data_preprocessor=mixing), clip_shape=(16, 224, 224))
train_dataloader = dict(batch_size=8, dataset=dict(pipeline=fine_tuning.train_pipeline(_base_.dense_clip)))
val_dataloader, test_dataloader, test_evaluator = fine_tuning.evaluation(
    (_base_.val_dataloader, _base_.fine_tuning_clips), (_base_.test_dataloader, _base_.fine_tuning_test_clips))
custom_hooks = fine_tuning.with_new_classifier(_base_.custom_hooks)  # load_from gives the rest of the student
default_hooks = dict(checkpoint=dict(save_best='quick_acc/top1', rule='greater'))
