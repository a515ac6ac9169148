# MARS, Crasto et al., CVPR 2019: an RGB student learns the labels and the features of a motion stream, which it then
# needs no more. The paper's motion is optical flow; here it is the difference of neighbouring frames. The teacher is
# such a student, trained with the labels on differences and exported:
#   python tools/train.py configs/finetune_r3d_hmdb51.py --work-dir work_dirs/motion --cfg-options \
#       model.student_view.modality=rgb_difference model.student.data_preprocessor.mean=[0,0,0] \
#       model.student.data_preprocessor.std=[20,20,20]
#   python tools/export_student.py work_dirs/motion/epoch_60.pth work_dirs/motion_teacher.pth
_base_ = ['../_base_/runtime.py', '../_base_/hmdb51.py']

feature_weight = 50.0  # alpha of the paper, beside the cross-entropy
max_epochs = 120
learning_rate = 0.02   # for a batch of 32; --auto-scale-lr adapts it to another

backbone = dict(
    type='ResNet3d', depth=18, pretrained=None,
    conv1_kernel=(3, 7, 7), conv1_stride_s=2, with_pool1=False, with_pool2=False,
    inflate_style='3x3x3', temporal_strides=(1, 2, 2, 2), zero_init_residual=False)
head = dict(type='I3DHead', num_classes=51, in_channels=512, dropout_ratio=0.5, average_clips='prob')
model = dict(
    type='Distiller',
    student_view=dict(size=112),
    student=dict(
        type='Recognizer3D', backbone=backbone, cls_head=head,
        data_preprocessor=dict(type='ActionDataPreprocessor', mean=[110.637, 103.161, 96.290],
                               std=[38.757, 37.882, 40.029], format_shape='NCTHW')),
    teacher=dict(
        type='RecognizerTeacher', weights='{{$HMDB51_MOTION_TEACHER:work_dirs/motion_teacher.pth}}',
        view=dict(size=112, modality='rgb_difference'),
        recognizer=dict(
            type='Recognizer3D', backbone=backbone, cls_head=head,
            # Differences are around 0 as they are; most are small.
            data_preprocessor=dict(type='ActionDataPreprocessor', mean=[0.0, 0.0, 0.0], std=[20.0, 20.0, 20.0],
                                   format_shape='NCTHW'))),
    terms=dict(motion=dict(student='features', teacher='features', loss=dict(type='L2'), weight=feature_weight)))

train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=max_epochs, val_interval=1)
optim_wrapper = dict(type='OptimWrapper', clip_grad=dict(max_norm=20),
                     optimizer=dict(type='SGD', lr=learning_rate, momentum=0.9, weight_decay=1e-4))
param_scheduler = [dict(type='CosineAnnealingLR', T_max=max_epochs, by_epoch=True, convert_to_iter_based=True)]
auto_scale_lr = dict(enable=False, base_batch_size=32)

val_evaluator = [dict(type='QueryAccuracy'), dict(type='ClipRetrieval')]
test_evaluator = val_evaluator
default_hooks = dict(checkpoint=dict(save_best='acc/top1', rule='greater'))
