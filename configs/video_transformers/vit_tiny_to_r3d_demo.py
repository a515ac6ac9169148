# The demo's transformer teaches the demo's small R3D: its classes, beside three labels of each class. The last stage of
# stages/image_to_vit_tiny_to_r3d_demo; as configs/demo/video_student.py with few labels, but for the teacher.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/digits.py', '../_base_/students/small_r3d.py',
          '../_base_/schedules/adamw_500_steps.py', '../_base_/students/vit_tiny.py']

model = dict(
    clip_shape=(8, 56, 56), teacher=dict(
        type='RecognizerTeacher', recognizer=_base_.vit_tiny, view=dict(size=48), weights='work_dirs/vit_tiny.pth'),
    terms=dict(kd=dict(student='logits', teacher='logits', loss=dict(type='KLDivergence', temperature=2.0))))
train_dataloader = dict(dataset=dict(labels_per_class=3, unlabelled='keep'))
val_cfg = None  # tested once, when it is trained
custom_hooks = [hook for hook in _base_.custom_hooks if hook.type != 'FullTestHook']
log_processor = dict(by_epoch=False)
default_hooks = dict(checkpoint=dict(by_epoch=False, interval=_base_.max_iters, max_keep_ckpts=1))
