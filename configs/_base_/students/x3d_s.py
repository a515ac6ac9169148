# X3D-S (Feichtenhofer, CVPR 2020), 3.8 M parameters: mmaction2's X3D for clips of 160². For the edge.
model = dict(
    type='Distiller', student_view=dict(size=160),
    student=dict(
        type='Recognizer3D', backbone=dict(type='X3D', gamma_w=1, gamma_b=2.25, gamma_d=2.2),
        cls_head=dict(type='X3DHead', in_channels=432, num_classes=400, spatial_type='avg', dropout_ratio=0.5,
                      fc1_bias=False, average_clips='prob'),
        # The statistics of its published weights.
        data_preprocessor=dict(type='ActionDataPreprocessor', mean=[114.75] * 3, std=[57.38] * 3, format_shape='NCTHW')))
