# A ViT of four blocks for clips of 8 frames, 112²: 2 x 7 x 7 tokens of 4 x 16 x 16 pixels each. Its places are those of the
# 7 x 7 map that a convolutional network has of 224².
vit_tiny_112 = dict(
    type='Recognizer3D',
    backbone=dict(type='VisionTransformer', img_size=112, patch_size=16, embed_dims=192, depth=4, num_heads=3,
                  mlp_ratio=4, qkv_bias=True, num_frames=8, tubelet_size=4),
    cls_head=dict(type='TimeSformerHead', num_classes=6, in_channels=192, average_clips='prob'),
    data_preprocessor=dict(type='ActionDataPreprocessor', mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375],
                           format_shape='NCTHW'))
