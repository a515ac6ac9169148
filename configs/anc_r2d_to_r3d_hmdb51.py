# Adversarial, label-free: a ResNet-18 that knows ImageNet teaches an R3D-18 on the videos of HMDB-51.
# Teacher, term and discriminator are in _base_/anc.py.
_base_ = ['_base_/default_runtime.py', '_base_/datasets/hmdb51.py', '_base_/students/r3d18.py', '_base_/schedules/adversarial_200e.py', '_base_/anc.py']

model = dict(_base_.anc, student=dict(cls_head=_base_.head, data_preprocessor=_base_.statistics))
train_dataloader = dict(batch_size=16)  # that of the schedule's learning rate
val_evaluator, test_evaluator = _base_.retrieval_alone  # no accuracy: the data set's classes are not learned
default_hooks = dict(checkpoint=dict(save_best='quick_retrieval/top5', rule='greater'))
