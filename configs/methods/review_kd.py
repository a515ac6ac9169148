# Chen et al., CVPR 2021; the weight rises over the first 20 epochs as in the authors' code. The student's maps, of
# 16, 8, 4 and 2 time steps, are brought to the teacher's 4.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/hmdb51.py', '../_base_/students/r3d18.py', '../_base_/schedules/sgd_120e_warmup.py', '../_base_/methods.py']

model = dict(_base_.taught, terms=dict(review_kd=dict(
    student=['backbone.layer1', 'backbone.layer2', 'backbone.layer3', 'backbone.layer4'],
    teacher=['layer1', 'layer2', 'layer3', 'layer4'],
    student_connector=dict(type='TemporalAlign', mode='pool'),
    weight_schedule=[(0, 0), (20 / 120, 1)],
    loss=dict(type='ReviewKD', student_channels='auto', teacher_channels='auto'))))
default_hooks = dict(checkpoint=dict(save_best='quick_acc/top1', rule='greater'))
