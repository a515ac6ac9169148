# A config that comes with a plugin: features of any folder of videos, no labels, the plugin's own loss and teacher.
# kdtoolbox train <this file>, or copy it; data/videos holds the videos, however deep.
default_scope = 'kdtoolbox'
randomness = dict(seed=0)

learning_rate = 1e-3
max_epochs = 30

model = dict(
    type='Distiller', use_labels=False, student_view=dict(size=112),
    student=dict(
        type='Recognizer3D',
        backbone=dict(type='ResNet3d', depth=18, pretrained=None, pretrained2d=False, conv1_stride_s=2,
                      with_pool1=False, with_pool2=False, inflate_style='3x3x3', temporal_strides=(1, 2, 2, 2),
                      zero_init_residual=False),
        cls_head=dict(type='I3DHead', num_classes=512, in_channels=512, dropout_ratio=0.0, average_clips='score'),
        data_preprocessor=dict(type='ActionDataPreprocessor', mean=[110.6, 103.2, 96.3], std=[38.8, 37.9, 40.0],
                               format_shape='NCTHW')),
    teacher=dict(type='MiddleFrameTeacher', model='torchvision.resnet18', weights='IMAGENET1K_V1'),
    terms=dict(cosine=dict(student='logits', teacher='features', loss=dict(type='CosineDistance'))))

train_dataloader = dict(
    batch_size=16, num_workers=4, sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type='UnlabelledFolderDataset', data_root='data/videos',
        pipeline=[dict(type='OpenVideo'), dict(type='SampleFrames', clip_len=16), dict(type='DecodeClip'),
                  dict(type='Resize', scale=(224, 224), keep_ratio=False), dict(type='Flip', flip_ratio=0.5),
                  dict(type='FormatShape', input_format='NCTHW'), dict(type='PackActionInputs')]))
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=max_epochs)
optim_wrapper = dict(optimizer=dict(type='AdamW', lr=learning_rate, weight_decay=0.05))
custom_hooks = [dict(type='EpochSeedHook'), dict(type='SetDatasetEpochHook'), dict(type='PlainCheckpointHook')]
