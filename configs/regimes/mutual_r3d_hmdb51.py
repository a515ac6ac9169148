# Mutual learning (Zhang et al., CVPR 2018): two students without a teacher learn from the labels and from one another.
_base_ = ['../_base_/runtime.py', '../_base_/hmdb51.py', '../_base_/methods.py']

peer = {{_base_.model.student}}

model = dict(
    type='MutualDistiller', teacher=None, terms=None,
    peers=dict(twin=peer),  # the same network with other random weights; any recognizer of the same classes will do
    loss=dict(type='KLDivergence', temperature=1.0), weight=1.0)  # the paper's
