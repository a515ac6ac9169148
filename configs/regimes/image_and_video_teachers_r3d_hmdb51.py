# Two teachers: an image network that knows what is in the frames, used where it is sure, and a video network that
# knows motion, which comes to count later. Its weights: a student trained before and exported (tools/export_student.py).
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/hmdb51.py', '../_base_/students/r3d18.py',
          '../_base_/schedules/sgd_120e.py']

temperature = 4.0   # softens both sides: what a teacher thinks of its wrong classes is what there is to learn
confidence = 0.5    # the image teacher's largest probability: below it, the clip counts for the other teacher only

model = dict(
    teacher=dict(
        image=dict(type='ImageTeacher', model='torchvision.resnet50', weights='IMAGENET1K_V1',
                   probe='{{$HMDB51_PROBE:work_dirs/hmdb51_probe.pth}}',  # the data set's classes: tools/fit_probe.py
                   view=dict(size=224, frame_stride=4)),
        video=dict(type='RecognizerTeacher', recognizer=_base_.model.student, view=dict(size=112),
                   weights='{{$HMDB51_VIDEO_TEACHER:work_dirs/video_teacher.pth}}')),
    terms=dict(
        image=dict(student='logits', teacher='image.logits', weight=0.5,
                   gate=dict(type='ConfidenceGate', threshold=confidence),
                   loss=dict(type='KLDivergence', temperature=temperature)),
        video=dict(student='logits', teacher='video.logits', weight=0.5, weight_schedule=[(0.0, 0.0), (0.3, 1.0)],
                   loss=dict(type='KLDivergence', temperature=temperature))))
default_hooks = dict(checkpoint=dict(save_best='quick_acc/top1', rule='greater'))
