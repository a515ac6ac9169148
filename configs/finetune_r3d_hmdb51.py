# Fine-tuning: a distilled R3D-18 learns the 51 classes of HMDB-51 from their labels, split 1, 16 frames of 112².
# The student comes from load_from; see _base_/finetune.py.
_base_ = ['_base_/default_runtime.py', '_base_/datasets/hmdb51.py', '_base_/students/r3d18.py',
          '_base_/schedules/sgd_60e_finetune.py', '_base_/finetune.py']

# A Distiller with no teacher and no terms: plain training, with the student's view and its features.
model = dict(student=dict(data_preprocessor=_base_.pretraining_statistics))
# load_from gives all of the student but its classifier.
custom_hooks = [dict(hook, replace_head=True) if hook.type == 'PlainCheckpointHook' else hook for hook in _base_.custom_hooks]
default_hooks = dict(checkpoint=dict(save_best='quick_acc/top1', rule='greater'))
test_pipeline = [*_base_.test_pipeline[:3], *_base_.three_crops, *_base_.clip_pipeline]
# 60 views at once. Of the queries alone: with the gallery the test would be a quarter of the run's arithmetic.
test_dataloader = dict(batch_size=2, dataset=dict(datasets=[
    dict(dataset, pipeline=test_pipeline) for dataset in _base_.test_dataloader.dataset.datasets
    if dataset.role == 'query']))
test_evaluator = [dict(type='QueryAccuracy')]
