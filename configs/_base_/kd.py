# What all kd_*.py share: a ResNet-50 that knows ImageNet, and the term in which it teaches.
# The student's own head learns the data set's classes from the labels; a second, linear head on its features learns to
# agree with the teacher about ImageNet's 1000, so that the two label spaces need not match.
temperature = 4.0          # softens both sides: what the teacher thinks of its wrong classes is what there is to learn
distillation_weight = 1.0  # beside the cross-entropy of the labels, whose weight is 1
teacher_frame_stride = 4   # neighbouring frames look alike: 4 of the 16 give nearly the same answer for a quarter

kd_teacher = dict(
    type='ImageTeacher', model='torchvision.resnet50',
    weights='IMAGENET1K_V1',  # V2 was trained with smoothed and mixed labels, which makes for flatter answers
    pooling='mean_logits', chunk_size=128, view=dict(size=224, frame_stride=teacher_frame_stride))
kd_term = dict(student='features', teacher='logits', weight=distillation_weight,
               student_connector=dict(type='LinearProjection', in_channels=512, out_channels=1000),
               loss=dict(type='KLDivergence', temperature=temperature))
