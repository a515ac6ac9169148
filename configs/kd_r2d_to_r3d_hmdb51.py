# Flagship: a ResNet-50 that knows ImageNet teaches an R3D-18 on HMDB-51, 16 frames of 112².
# The student's own head learns the data set's 51 classes from the labels; a second, linear head on its features
# learns to agree with the teacher about ImageNet's 1000, so that the two label spaces need not match.
_base_ = ['_base_/default_runtime.py', '_base_/datasets/hmdb51.py', '_base_/students/r3d18.py',
          '_base_/schedules/sgd_120e_warmup.py']

temperature = 4.0          # softens both sides: what the teacher thinks of its wrong classes is what there is to learn
distillation_weight = 1.0  # beside the cross-entropy of the labels, whose weight is 1
teacher_frame_stride = 4   # neighbouring frames look alike: 4 of the 16 give nearly the same answer for a quarter

model = dict(
    teacher=dict(
        type='ImageTeacher', model='torchvision.resnet50',
        weights='IMAGENET1K_V1',  # V2 was trained with smoothed and mixed labels, which makes for flatter answers
        pooling='mean_logits', chunk_size=128, view=dict(size=224, frame_stride=teacher_frame_stride)),
    terms=dict(
        kd=dict(student='features', teacher='logits', weight=distillation_weight,
                student_connector=dict(type='LinearProjection', in_channels=512, out_channels=1000),
                loss=dict(type='KLDivergence', temperature=temperature))))

default_hooks = dict(checkpoint=dict(save_best='acc/top1', rule='greater'))
