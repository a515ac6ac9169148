# What all rows of benchmarks/methods.py share; the script fills in the teacher's weights and the terms.
# Chosen, before any other method was looked at, so that the row without a teacher and plain KD differ clearly.
num_classes = 10
training_videos_per_class = 80
test_videos_per_class = 40  # nearly all that the digits allow: with 400 test videos one accuracy is right to 2.5 points
num_frames = 8
frame_interval = 2          # 8 frames over 15 of a video's 24
crop_pixels = 56            # of 64
student_pixels = 32
teacher_pixels = 64         # twice the student's, so that layer1 to layer4 of both give maps of the same size
teacher_frame_stride = 2    # four of the eight frames, so that methods that compare times have times to compare
teacher_steps = 150
labels_per_class = 3
batch_size = 16
labelled_clips = 8          # of a batch; the others come without labels
steps = 200
learning_rate = 3e-3
weight_decay = 0.02
channels = 8                # of the student's stem; 64 at its end
mean, std = [110.0] * 3, [50.0] * 3

model = dict(
    type='Distiller', student_view=dict(size=student_pixels), clip_shape=(num_frames, crop_pixels, crop_pixels),
    student=dict(
        type='Recognizer3D',
        # R3D-18 with an eighth of its channels; two time steps at its end, as R3D-18 has of 16 frames. Strides are
        # in layer1 and layer3: maps of 8², 8², 4², 4², so that the last ones still have places to compare.
        backbone=dict(
            type='ResNet3d', depth=18, pretrained=None, pretrained2d=False, base_channels=channels,
            inflate_style='3x3x3', conv1_kernel=(3, 5, 5), conv1_stride_s=2, with_pool1=False, with_pool2=False,
            spatial_strides=(2, 1, 2, 1), temporal_strides=(1, 1, 2, 2), zero_init_residual=False),
        cls_head=dict(type='I3DHead', num_classes=num_classes, in_channels=8 * channels, dropout_ratio=0.0,
                      average_clips='prob'),
        data_preprocessor=dict(type='ActionDataPreprocessor', mean=mean, std=std, format_shape='NCTHW')),
    teacher=dict(
        type='ImageTeacher', model=dict(type='SmallResNet', num_classes=num_classes), pooling='mean_logits',
        view=dict(size=teacher_pixels, frame_stride=teacher_frame_stride, mean=mean, std=std)),
    terms=dict())

optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='AdamW', lr=learning_rate, weight_decay=weight_decay))
