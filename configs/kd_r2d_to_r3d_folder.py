# A ResNet-50 that knows ImageNet teaches an R3D-18 on your own videos, 16 frames of 112².
# As kd_r2d_to_r3d_hmdb51.py: a head of its own for the labels, and a second one that agrees with the teacher.
_base_ = ['_base_/default_runtime.py', '_base_/datasets/folder.py', '_base_/students/r3d18.py',
          '_base_/schedules/sgd_120e_warmup.py']

temperature = 4.0          # softens both sides: what the teacher thinks of its wrong classes is what there is to learn
distillation_weight = 1.0  # beside the cross-entropy of the labels, whose weight is 1
num_classes = 10           # as many as you have: model.student.cls_head.num_classes

model = dict(
    teacher=dict(type='ImageTeacher', model='torchvision.resnet50', weights='IMAGENET1K_V1', pooling='mean_logits',
                 chunk_size=128, view=dict(size=224, frame_stride=4)),  # neighbouring frames look alike: 4 of 16
    student=dict(cls_head=dict(num_classes=num_classes), data_preprocessor=_base_.statistics),
    terms=dict(kd=dict(student='features', teacher='logits', weight=distillation_weight,
                       student_connector=dict(type='LinearProjection', in_channels=512, out_channels=1000),
                       loss=dict(type='KLDivergence', temperature=temperature))))
default_hooks = dict(checkpoint=dict(save_best='acc/top1', rule='greater'))
