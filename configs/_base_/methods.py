# The teacher that all of configs/methods/ share, so that they differ in their terms alone: a ResNet-50 that knows
# ImageNet, to which a linear probe gives the 51 classes of HMDB-51:
#   python tools/fit_probe.py configs/methods/dkd.py --out work_dirs/hmdb51_probe.pth
teacher_frame_stride = 4   # neighbouring frames look alike: 4 of the 16 give nearly the same answer for a quarter
taught = dict(
    clip_shape=(16, 224, 224),
    teacher=dict(
        # Maps of layer1 to layer4: 256, 512, 1024, 2048 channels; 4 time steps; the student's heights and widths.
        type='ImageTeacher', model='torchvision.resnet50',
        weights='IMAGENET1K_V1',  # V2 was trained with smoothed and mixed labels, which makes for flatter answers
        probe='{{$HMDB51_PROBE:work_dirs/hmdb51_probe.pth}}', pooling='mean_logits', chunk_size=128,
        view=dict(size=224, frame_stride=teacher_frame_stride)))
# Of terms on the last maps: the student's are projected to the teacher's channels, the teacher's pooled in time.
last_maps = dict(student='backbone.layer4', teacher='layer4',
                 student_connector='auto', teacher_connector=dict(type='TemporalAlign', mode='pool'))
