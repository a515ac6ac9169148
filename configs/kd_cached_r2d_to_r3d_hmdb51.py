# The flagship with a teacher that runs once: kdtoolbox cache stores what the ResNet-50 says of each frame, and trainings
# read it. As kd_r2d_to_r3d_hmdb51.py, but each video has 4 crops and flips instead of a new one every epoch.
_base_ = ['_base_/default_runtime.py', '_base_/datasets/hmdb51.py', '_base_/students/r3d18.py',
          '_base_/schedules/sgd_120e_warmup.py']

num_views = 4  # crops and flips of a video: more are more augmentation, and as many times the cache and its making
model = dict(
    teacher=dict(
        type='CachedTeacher', cache='{{$HMDB51_TEACHER_CACHE:data/hmdb51/teacher_cache}}',
        teacher=dict(type='ImageTeacher', model='torchvision.resnet50', weights='IMAGENET1K_V1',
                     pooling='mean_logits', chunk_size=128, view=dict(size=224))),  # all 16 frames: they cost nothing
    terms=dict(kd=dict(student='features', teacher='logits', weight=1.0,
                       student_connector=dict(type='LinearProjection', in_channels=512, out_channels=1000),
                       loss=dict(type='KLDivergence', temperature=4.0))))
train_pipeline = [
    *_base_.train_pipeline[:3],  # opens, samples and decodes
    dict(type='SpatialViews', num_views=num_views, transforms=_base_.train_pipeline[3:6]),  # crops, resizes, flips
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs', meta_keys=('sample_id', 'role', 'frame_keys')),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
default_hooks = dict(checkpoint=dict(save_best='quick_acc/top1', rule='greater'))
