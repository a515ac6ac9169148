# Tung & Mori, ICCV 2019: on the last maps, with the authors' weight for mean over the pairs of clips.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/hmdb51.py', '../_base_/students/r3d18.py', '../_base_/schedules/sgd_120e_warmup.py', '../_base_/methods.py']

model = dict(_base_.taught, terms=dict(similarity_preserving=dict(
    student='backbone.layer4', teacher='layer4',
    loss=dict(type='SimilarityPreserving'), weight=3000.0)))
default_hooks = dict(checkpoint=dict(save_best='quick_acc/top1', rule='greater'))
