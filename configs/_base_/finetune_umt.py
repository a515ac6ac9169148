# What finetune_umt_*.py share: UMT's ViT-B learns classes from 8 frames, one of each eighth of the video.
_base_ = []  # none; but without this line mmengine would not allow the import
from kdtoolbox.config_files import clip_loaders as clips

spread = dict(type='UniformSample', clip_len=8)
# Repeated augmentation: 16 videos of each process, two views of each; the learning rate goes by the number of videos.
repeated = dict(batch_size=32, sampler=dict(type='RepeatedSampler', times=2, shuffle=True))
videos_scale_lr = dict(base_batch_size=512)
fine_tuning_clips = clips.evenly_spaced(num_clips=1, clip_len=8, size=224)
fine_tuning_clips[1] = dict(spread, test_mode=True)
fine_tuning_test_clips = clips.three_crops(num_clips=1, clip_len=8, frame_stride=1, size=224)
