# ViT-B/16 of VideoMAE and UMT, mmaction2's VisionTransformer: 8 frames of 224² become 8 x 14 x 14 tokens. With frames
# of two each (tubelet_size=2, num_frames=16), as VideoMAE has it, the grid stays the same.
model = dict(
    type='Distiller', student_view=dict(size=224),  # the one place for the input size: validation clips follow it
    student=dict(
        type='Recognizer3D',
        backbone=dict(type='VisionTransformer', img_size=224, patch_size=16, embed_dims=768, depth=12, num_heads=12,
                      mlp_ratio=4, qkv_bias=True, num_frames=8, tubelet_size=1, drop_path_rate=0.1,
                      norm_cfg=dict(type='LN', eps=1e-6)),
        cls_head=dict(type='TimeSformerHead', num_classes=400, in_channels=768, average_clips='score'),
        # ImageNet's statistics, as VideoMAE and UMT take them.
        data_preprocessor=dict(type='ActionDataPreprocessor', mean=[123.675, 116.28, 103.53],
                               std=[58.395, 57.12, 57.375], format_shape='NCTHW')))
