# What finetune_umt_*.py share: UMT's ViT-B learns classes from 8 frames, one of each eighth of the video.
_base_ = []  # none; but without this line mmengine would not allow the import
from kdtoolbox.config_files import clip_loaders as clips

spread = dict(type='UniformSample', clip_len=8)
fine_tuning_clips = clips.evenly_spaced(num_clips=1, clip_len=8, size=224)
fine_tuning_clips[1] = dict(spread, test_mode=True)
fine_tuning_test_clips = clips.three_crops(num_clips=1, clip_len=8, frame_stride=1, size=224)
