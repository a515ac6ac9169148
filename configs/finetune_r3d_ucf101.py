# Fine-tuning: a distilled R3D-18 learns the 101 classes of UCF-101 from their labels, split 1, 16 frames of 112².
# The student comes from load_from; see _base_/finetune.py.
_base_ = ['_base_/default_runtime.py', '_base_/datasets/ucf101.py', '_base_/students/r3d18.py',
          '_base_/schedules/sgd_60e_finetune.py', '_base_/finetune.py']
from kdtoolbox.config_files import fine_tuning

# A Distiller with no teacher and no terms: plain training, with the student's view and its features.
model = dict(student=dict(cls_head=dict(num_classes=101), data_preprocessor=_base_.pretraining_statistics))
custom_hooks = fine_tuning.with_new_classifier(_base_.custom_hooks)  # load_from gives the rest of the student
default_hooks = dict(checkpoint=dict(save_best='quick_acc/top1', rule='greater'))
test_dataloader = fine_tuning.accuracy_dataloader(_base_.test_dataloader, _base_.three_crops)
test_evaluator = [dict(type='QueryAccuracy')]
