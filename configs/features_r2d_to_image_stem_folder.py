# Label-free, for a few hundred videos of your own: MobileNetV2 teaches its features to a student that begins with
# MobileNetV2's own first layers. The classes, by folders, are for retrieval in validation alone.
_base_ = ['_base_/default_runtime.py', '_base_/datasets/folder.py', '_base_/students/image_stem.py',
          '_base_/schedules/distinit_45e.py']

model = dict(
    use_labels=False,
    teacher=dict(type='ImageTeacher', model='torchvision.mobilenet_v2', weights='IMAGENET1K_V1',
                 view=dict(size=224, frame_stride=4)),  # neighbouring frames look alike: 4 of the 16
    terms=dict(features=dict(
        student='features', teacher='features',
        # A clip learns what the teacher says of its whole video: +3.3 mean average precision, docs/students.md.
        loss=dict(type='VideoMean', loss=dict(type='L2')),
        student_connector=dict(type='LinearProjection', in_channels=256, out_channels=1280),
        # Each channel on one scale: otherwise a few strong ones are all the loss sees.
        teacher_connector=dict(type='Standardize', channels=1280))))

val_evaluator, test_evaluator = _base_.retrieval_alone  # no accuracy: the classes are not learned
default_hooks = dict(checkpoint=dict(save_best='quick_retrieval/top1', rule='greater'))
