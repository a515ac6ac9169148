# A ViT of four blocks for the demo's videos: 8 frames of 48² become 4 x 6 x 6 tokens of 2 x 8 x 8 pixels each.
vit_tiny = dict(
    type='Recognizer3D',
    backbone=dict(type='VisionTransformer', img_size=48, patch_size=8, embed_dims=96, depth=4, num_heads=3,
                  mlp_ratio=4, qkv_bias=True, num_frames=8, tubelet_size=2),
    cls_head=dict(type='TimeSformerHead', num_classes=10, in_channels=96, average_clips='prob'),
    data_preprocessor=dict(type='ActionDataPreprocessor', mean=[110.0] * 3, std=[50.0] * 3, format_shape='NCTHW'))
