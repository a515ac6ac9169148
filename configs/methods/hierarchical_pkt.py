# Passalis et al., CVPR 2020; the early stages count 100, times 0.7 after each epoch.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/hmdb51.py', '../_base_/students/r3d18.py', '../_base_/schedules/sgd_120e_warmup.py', '../_base_/methods.py']

model = dict(_base_.taught, terms=dict(hierarchical_pkt=dict(
    student=['backbone.layer2', 'backbone.layer3', 'features'],
    teacher=['layer2', 'layer3', 'features'],
    student_connector=dict(type='GlobalPool'), teacher_connector=dict(type='GlobalPool'),
    loss=dict(type='HierarchicalPKT', num_epochs=_base_.max_epochs))))
default_hooks = dict(checkpoint=dict(save_best='quick_acc/top1', rule='greater'))
