# Self-distillation: the student's own running average (mean teacher, Tarvainen & Valpola, NeurIPS 2017) teaches it, on
# labelled and unlabelled videos.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/hmdb51.py', '../_base_/students/r3d18.py',
          '../_base_/schedules/sgd_120e.py']

decay = 0.999         # of the average: it looks about 1000 steps back
labels_per_class = 7  # of 70: a tenth
rampup = 0.2          # share of the training over which the average comes to count: at first it knows nothing

model = dict(
    teacher=dict(type='EMATeacher', decay=decay, view=dict(size=112)),
    terms=dict(consistency=dict(student='logits', teacher='logits', weight=1.0,
                                weight_schedule=[(0.0, 0.01), (rampup, 1.0)],
                                loss=dict(type='KLDivergence', temperature=1.0))))
train_dataloader = dict(dataset=dict(labels_per_class=labels_per_class, unlabelled='keep'))
custom_hooks = [*_base_.custom_hooks, dict(type='EMATeacherHook')]  # the last moves the teacher and saves it
default_hooks = dict(checkpoint=dict(save_best='quick_acc/top1', rule='greater'))
