# A video network teaches one of its own kind: a stage of configs/stages/. Born-again networks (Furlanello et al., ICML
# 2018) are this with a teacher of the student's size, teacher assistants (Mirzadeh et al., AAAI 2020) with one between.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/hmdb51.py', '../_base_/students/r3d18.py',
          '../_base_/schedules/sgd_120e.py']

temperature = 4.0  # softens both sides: what the teacher thinks of its wrong classes is what there is to learn

model = dict(
    teacher=dict(type='RecognizerTeacher', recognizer=_base_.model.student, view=dict(size=112),
                 weights='{{$HMDB51_VIDEO_TEACHER:work_dirs/video_teacher.pth}}'),  # an exported student
    terms=dict(kd=dict(student='logits', teacher='logits', loss=dict(type='KLDivergence', temperature=temperature))))
default_hooks = dict(checkpoint=dict(save_best='quick_acc/top1', rule='greater'))
