# R3D-18 (Tran et al., CVPR 2018) of clips of 16 frames, 112². Another data set has other classes than HMDB-51's 51:
# model.student.cls_head.num_classes.
model = dict(
    type='Distiller', student_view=dict(size=112),  # the one place for the input size: validation clips follow it
    student=dict(
        type='Recognizer3D',
        # Maps of layer1 to layer4: 64, 128, 256, 512 channels; 16, 8, 4, 2 time steps; 56², 28², 14², 7².
        backbone=dict(
            type='ResNet3d', depth=18,
            pretrained=None,  # 'torchvision://resnet18', or a file of such weights: start from an inflated 2D ResNet
            conv1_kernel=(3, 7, 7), conv1_stride_s=2, with_pool1=False, with_pool2=False,
            inflate_style='3x3x3', temporal_strides=(1, 2, 2, 2), zero_init_residual=False),
        cls_head=dict(type='I3DHead', num_classes=51, in_channels=512, dropout_ratio=0.5, average_clips='prob'),
        # Kinetics' statistics, which are what video students are usually given.
        data_preprocessor=dict(type='ActionDataPreprocessor', mean=[110.637, 103.161, 96.290],
                               std=[38.757, 37.882, 40.029], format_shape='NCTHW')))
