# A video transformer in minutes on two cores, on the videos of the demo (`kdtoolbox demo` makes them and trains the
# image network): it sees half of its tokens and learns the image network's map there, and its classes.
#   kdtoolbox train configs/video_transformers/vit_tiny_demo.py
_base_ = ['../_base_/default_runtime.py']

data_root = 'work_dirs/demo/digits/videos'
ann_file = 'work_dirs/demo/digits/annotations'
teacher_weights = 'work_dirs/demo/image_teacher.pth'
grid = (4, 6, 6)  # of the tokens: 8 frames of 48² with 2 x 8 x 8 pixels each
max_iters = 600
learning_rate = 1e-3
statistics = dict(mean=[110.0] * 3, std=[50.0] * 3)

model = dict(
    type='Distiller', use_labels=False, student_view=dict(size=48), clip_shape=(8, 56, 56),
    student=dict(
        type='Recognizer3D',
        backbone=dict(type='VisionTransformer', img_size=48, patch_size=8, embed_dims=96, depth=4, num_heads=3,
                      mlp_ratio=4, qkv_bias=True, num_frames=8, tubelet_size=2),
        cls_head=dict(type='TimeSformerHead', num_classes=10, in_channels=96, average_clips='prob'),
        data_preprocessor=dict(type='ActionDataPreprocessor', format_shape='NCTHW', **statistics)),
    student_tokens=dict(type='TubeTokens', keep=0.5),
    teacher=dict(
        type='ImageTeacher', weights=teacher_weights, pooling='mean_logits',
        view=dict(size=48, frame_stride=2),  # the first frame of each of the student's four time steps
        model=dict(  # as in configs/demo/image_teacher.py; a map of 128 channels, 6 x 6 for a frame of 48²
            type='Recognizer2D',
            backbone=dict(type='ResNet', depth=18, pretrained=None, num_stages=2, strides=(1, 2), dilations=(1, 1),
                          out_indices=(1,)),
            cls_head=dict(type='TSNHead', num_classes=10, in_channels=128, dropout_ratio=0.0, average_clips='prob'),
            data_preprocessor=dict(type='ActionDataPreprocessor', format_shape='NCHW', **statistics))),
    terms=dict(
        umt=dict(student='backbone.blocks.3', teacher='backbone.layer2',
                 student_connector=dict(type='PatchTokens'), teacher_connector=dict(type='MatchGrid', grid=grid),
                 loss=dict(type='UMT', student_channels='auto', teacher_channels='auto')),
        kd=dict(student='logits', teacher='logits', loss=dict(type='KLDivergence', temperature=2.0))))

clip_pipeline = [
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs', meta_keys=('sample_id', 'role'))]
train_pipeline = [
    dict(type='OpenVideo'), dict(type='SampleFrames', clip_len=8, frame_interval=2, num_clips=1, out_of_bound_opt='loop'),
    dict(type='DecodeClip'), dict(type='RandomCrop', size=56), *clip_pipeline]
test_pipeline = [
    dict(type='OpenVideo'), dict(type='SampleClipsEvenly', clip_len=8, num_clips=2, frame_stride=2),
    dict(type='DecodeClip'), dict(type='CenterCrop', crop_size=56),
    dict(type='Resize', scale=(48, 48), keep_ratio=False, interpolation='area'), *clip_pipeline]
source = dict(type='HMDB51Dataset', data_root=data_root, ann_file=ann_file)
train_dataloader = dict(batch_size=16, num_workers=0, sampler=dict(type='InfiniteSampler', shuffle=True),
                        dataset=dict(source, subset='training', pipeline=train_pipeline))
val_dataloader = test_dataloader = dict(
    batch_size=16, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(type='ConcatDataset', datasets=[
        dict(source, subset='training', role='gallery', pipeline=test_pipeline, test_mode=True),
        dict(source, subset='validation', role='query', pipeline=test_pipeline, test_mode=True)]))
val_evaluator = test_evaluator = [dict(type='QueryAccuracy'), dict(type='ClipRetrieval', topk=(1, 5))]

train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters, val_interval=max_iters)
optim_wrapper = dict(type='OptimWrapper', clip_grad=dict(max_norm=5),
                     optimizer=dict(type='AdamW', lr=learning_rate, weight_decay=0.05))
param_scheduler = [dict(type='LinearLR', start_factor=0.1, begin=0, end=max_iters // 20, by_epoch=False),
                   dict(type='CosineAnnealingLR', begin=max_iters // 20, end=max_iters, T_max=max_iters, by_epoch=False)]
log_processor = dict(by_epoch=False)
default_hooks = dict(checkpoint=dict(by_epoch=False, interval=max_iters, max_keep_ckpts=1))
