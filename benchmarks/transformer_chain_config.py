# The R3D of vit_tiny_to_r3d_folder.py, taught by MobileNetV2 without a transformer between: the direct way, for
# benchmarks/transformer_chain.py. The script gives the teacher a probe for the classes, or has it teach its features.
_base_ = ['../configs/video_transformers/vit_tiny_to_r3d_folder.py']

model = dict(
    teacher=dict(
        _delete_=True, type='ImageTeacher', model='torchvision.mobilenet_v2',
        weights='{{$MOBILENET_V2_WEIGHTS:IMAGENET1K_V1}}', pooling='mean_logits',
        view=dict(size=160, frame_stride=4)),  # as in real_video_config.py: as good as 224² and more frames here
    terms=dict(features=dict(
        student='features', teacher='features', weight=0.0, loss=dict(type='L2'),
        student_connector=dict(type='LinearProjection', in_channels=128, out_channels=1280),
        teacher_connector=dict(type='Standardize', channels=1280))))
