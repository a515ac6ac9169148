# The first layers of a MobileNetV2 that knows ImageNet, frozen, frame by frame, under three 3D convolutions; 112².
# A small student for few videos: it has not to learn what edges and textures are. kdtoolbox/backbones/image_stem.py.
model = dict(
    type='Distiller', student_view=dict(size=112),  # the one place for the input size: validation clips follow it
    student=dict(
        type='Recognizer3D',
        # The stem gives 32 channels at a stride of 8; the 3D layers 64, 128, 256 channels, 16, 8, 4 time steps, 7², 4², 2².
        backbone=dict(type='ImageStem3D', image_model='torchvision.mobilenet_v2', weights='IMAGENET1K_V1',
                      last_layer='features.6', stem='frozen', top='3d'),
        cls_head=dict(type='I3DHead', num_classes=10, in_channels=256, dropout_ratio=0.5, average_clips='prob'),
        # ImageNet's statistics, which the stem's weights expect.
        data_preprocessor=dict(type='ActionDataPreprocessor', mean=[123.675, 116.28, 103.53],
                               std=[58.395, 57.12, 57.375], format_shape='NCTHW')))
