# MLKD, Jin, Wang & Lin, CVPR 2023; the authors' weight. Of one view, where theirs has a weak and a strong one.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/hmdb51.py', '../_base_/students/r3d18.py', '../_base_/schedules/sgd_120e_warmup.py', '../_base_/methods.py']

model = dict(_base_.taught, terms=dict(multi_level_logit=dict(
    student='logits', teacher='logits',
    loss=dict(type='MultiLevelLogit', temperatures=(2, 3, 4, 5, 6)), weight=0.9)))
default_hooks = dict(checkpoint=dict(save_best='quick_acc/top1', rule='greater'))
