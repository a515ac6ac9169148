# Chen et al., AAAI 2021; the weight of the authors' code. The attention is made for batches of 32 clips: another
# batch_size of the training dataloader belongs here too.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/hmdb51.py', '../_base_/students/r3d18.py', '../_base_/schedules/sgd_120e_warmup.py', '../_base_/methods.py']

model = dict(_base_.taught, terms=dict(sem_ckd=dict(
    student=['backbone.layer2', 'backbone.layer3', 'backbone.layer4'],
    teacher=['layer2', 'layer3', 'layer4'],
    weight=400.0,
    loss=dict(type='SemCKD', batch_size=32, student_channels='auto', teacher_channels='auto'))))
default_hooks = dict(checkpoint=dict(save_best='quick_acc/top1', rule='greater'))
