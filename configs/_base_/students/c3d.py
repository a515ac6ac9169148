# C3D with batch norm (Tran et al., ICCV 2015) of clips of 16 frames, 112². Another data set has other classes than
# HMDB-51's 51, model.student.cls_head.num_classes; another input size another model.student.backbone.out_dim.
model = dict(
    type='Distiller', student_view=dict(size=112),  # the one place for the input size: validation clips follow it
    student=dict(
        type='Recognizer3D',
        backbone=dict(type='C3D', norm_cfg=dict(type='BN3d'), out_dim=8192, dropout_ratio=0.5, init_std=0.005),
        cls_head=dict(type='I3DHead', num_classes=51, in_channels=4096, spatial_type=None, dropout_ratio=0.5,
                      average_clips='prob'),
        # Kinetics' statistics, which are what video students are usually given.
        data_preprocessor=dict(type='ActionDataPreprocessor', mean=[110.637, 103.161, 96.290],
                               std=[38.757, 37.882, 40.029], format_shape='NCTHW')))
