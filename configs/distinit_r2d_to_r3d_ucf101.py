# Label-free: a ResNet-18 that knows ImageNet teaches an R3D-18 on the videos of UCF-101.
# Teacher and term are in _base_/distinit.py.
_base_ = ['_base_/default_runtime.py', '_base_/datasets/ucf101.py', '_base_/students/r3d18.py',
          '_base_/schedules/distinit_45e.py', '_base_/distinit.py']

model = dict(_base_.distinit, student=dict(cls_head=_base_.head, data_preprocessor=_base_.statistics))
val_evaluator, test_evaluator = _base_.retrieval_alone  # no accuracy: the data set's classes are not learned
default_hooks = dict(checkpoint=dict(save_best='quick_retrieval/top5', rule='greater'))
