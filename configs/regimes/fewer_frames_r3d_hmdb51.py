# Fewer frames for the student than for the teacher: it sees every second of the 16 frames and learns at its 8 what a
# teacher of all 16 knows. At test time it is given clips of 8 frames, two apart.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/hmdb51.py', '../_base_/students/r3d18.py',
          '../_base_/schedules/sgd_120e_warmup.py', '../_base_/methods.py']

student_frame_stride = 2  # half the frames, half the student's arithmetic
clip_len = 16             # of the decoded clip

model = dict(
    student_view=dict(frame_stride=student_frame_stride), clip_shape=_base_.taught.clip_shape,
    teacher=dict(_base_.taught.teacher, view=dict(size=224, frame_stride=1)),
    terms=dict(
        kd=dict(student='logits', teacher='logits', loss=dict(type='KLDivergence', temperature=4.0)),
        # The teacher's frame features, resampled at the moments of the student's time steps.
        moments=dict(student='backbone.layer4', teacher='frame_features', loss=dict(type='FrameWise'),
                     student_connector=[dict(type='SpacePool'), dict(type='MLPProjection', in_channels='auto',
                                                                     out_channels='auto')],
                     teacher_connector=dict(type='TemporalAlign'))))
half = dict(clip_len=clip_len // student_frame_stride, frame_stride=student_frame_stride)
val_dataloader, test_dataloader = [
    dict(dataset=dict(datasets=[
        dict(dataset, pipeline=[dataset.pipeline[0], dict(dataset.pipeline[1], **half), *dataset.pipeline[2:]])
        for dataset in loader.dataset.datasets]))
    for loader in (_base_.val_dataloader, _base_.test_dataloader)]
