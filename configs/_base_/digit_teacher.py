# The demo's teacher: ResNet-18 without its two deep stages. 48 pixels need no more, and it learns in half a minute.
# `kdtoolbox demo --compare` trains it on still images of the digits.
image_network = dict(
    type='Recognizer2D',
    backbone=dict(type='ResNet', depth=18, pretrained=None, num_stages=2, strides=(1, 2), dilations=(1, 1),
                  out_indices=(1,)),
    cls_head=dict(type='TSNHead', num_classes=10, in_channels=128, dropout_ratio=0.0, average_clips='prob'),
    data_preprocessor=dict(type='ActionDataPreprocessor', mean=[110.0] * 3, std=[50.0] * 3, format_shape='NCHW'))
