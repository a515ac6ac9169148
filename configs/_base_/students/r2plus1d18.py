# R(2+1)D-18 (Tran et al., CVPR 2018) of clips of 16 frames, 112². Another data set has other classes than HMDB-51's 51:
# model.student.cls_head.num_classes.
model = dict(
    type='Distiller', student_view=dict(size=112),  # the one place for the input size: validation clips follow it
    student=dict(
        type='Recognizer3D',
        backbone=dict(
            type='ResNet2Plus1d', depth=18, pretrained=None, pretrained2d=False,
            conv_cfg=dict(type='Conv2plus1d'), norm_cfg=dict(type='BN3d'), conv1_kernel=(3, 7, 7), conv1_stride_s=2,
            pool1_stride_s=1, inflate=(1, 1, 1, 1), inflate_style='3x3x3', spatial_strides=(1, 2, 2, 2),
            temporal_strides=(1, 2, 2, 2), zero_init_residual=False),
        cls_head=dict(type='I3DHead', num_classes=51, in_channels=512, dropout_ratio=0.5, average_clips='prob'),
        # Kinetics' statistics, which are what video students are usually given.
        data_preprocessor=dict(type='ActionDataPreprocessor', mean=[110.637, 103.161, 96.290],
                               std=[38.757, 37.882, 40.029], format_shape='NCTHW')))
