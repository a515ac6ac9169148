# A ViT-B of UMT that was fine-tuned (video_transformers/finetune_umt_vit_b16_kinetics400), as a teacher.
vit_b16_teacher = dict(
    type='RecognizerTeacher', weights='{{$KINETICS400_VIDEO_TEACHER:work_dirs/vit_b16.pth}}',  # an exported student
    view=dict(size=224, frame_stride=2),
    recognizer=dict(
        type='Recognizer3D',
        backbone=dict(type='VisionTransformer', img_size=224, patch_size=16, embed_dims=768, depth=12, num_heads=12,
                      mlp_ratio=4, qkv_bias=True, num_frames=8, tubelet_size=1, norm_cfg=dict(type='LN', eps=1e-6)),
        cls_head=dict(type='TimeSformerHead', num_classes=400, in_channels=768, average_clips='score'),
        data_preprocessor=dict(type='ActionDataPreprocessor', mean=[123.675, 116.28, 103.53],
                               std=[58.395, 57.12, 57.375], format_shape='NCTHW')))
