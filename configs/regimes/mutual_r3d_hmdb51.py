# Mutual learning (Zhang et al., CVPR 2018): two students without a teacher learn from the labels and from one another.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/hmdb51.py', '../_base_/students/r3d18.py',
          '../_base_/schedules/sgd_120e_warmup.py']

model = dict(
    type='MutualDistiller', clip_shape=(16, 224, 224),
    # The same network with other random weights; any recognizer of the same classes will do.
    peers=dict(twin=_base_.model.student),
    loss=dict(type='KLDivergence', temperature=1.0), weight=1.0)  # the paper's
