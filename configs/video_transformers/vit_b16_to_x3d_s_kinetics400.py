# A fine-tuned ViT-B of UMT teaches an X3D-S for the edge: its classes beside the labels. The teacher sees every second of
# the student's 16 frames, at its own size. The last stage of stages/clip_to_vit_b16_to_x3d_s_kinetics400.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/kinetics400.py', '../_base_/students/x3d_s.py',
          '../_base_/schedules/sgd_120e_warmup.py', '../_base_/video_teacher.py']
from kdtoolbox.config_files import clip_loaders as clips

model = dict(
    clip_shape=(16, 224, 224), teacher=_base_.vit_b16_teacher,
    terms=dict(kd=dict(student='logits', teacher='logits', loss=dict(type='KLDivergence', temperature=4.0))))
train_dataloader = dict(dataset=dict(pipeline=[
    dict(type='OpenVideo'), dict(type='UniformSample', clip_len=16), *_base_.train_pipeline[2:]]))
val_pipeline = clips.evenly_spaced(num_clips=1, clip_len=16, size=160)
val_pipeline[1] = dict(type='UniformSample', clip_len=16, test_mode=True)
val_dataloader = test_dataloader = clips.with_pipeline(_base_.val_dataloader, val_pipeline)
default_hooks = dict(checkpoint=dict(save_best='quick_acc/top1', rule='greater'))
