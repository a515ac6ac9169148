# The demo's student: a small R3D learns from an image network that only ever saw stills.
# As it stands, it learns without labels. `kdtoolbox demo --compare` trains it in two more ways, on the same steps:
#   few labels only:            model.use_labels=True model.terms.kd.weight=0
#                               train_dataloader.dataset.labels_per_class=3
#   few labels + distillation:  model.use_labels=True train_dataloader.dataset.unlabelled=keep
#                               train_dataloader.dataset.labels_per_class=3
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/digits.py', '../_base_/students/small_r3d.py',
          '../_base_/schedules/adamw_500_steps.py', '../_base_/digit_teacher.py']

teacher_weights = 'work_dirs/demo/image_teacher.pth'
temperature = 2.0          # softens both sides: which wrong classes the teacher thinks near is worth learning too
distillation_weight = 1.0  # beside the cross-entropy of the labels, where they are used

model = dict(
    use_labels=False,
    teacher=dict(
        type='ImageTeacher', model=_base_.image_network, weights=teacher_weights, pooling='mean_logits',
        view=dict(size=48, frame_stride=4)),  # two of the 8 frames tell nearly as much for a quarter of the time
    terms=dict(kd=dict(student='logits', teacher='logits', weight=distillation_weight,
                       loss=dict(type='KLDivergence', temperature=temperature))))
val_cfg = None  # the demo tests each student once, when it is trained
custom_hooks = [hook for hook in _base_.custom_hooks if hook.type != 'FullTestHook']
log_processor = dict(by_epoch=False)
default_hooks = dict(checkpoint=dict(by_epoch=False, interval=_base_.max_iters, max_keep_ckpts=1))
