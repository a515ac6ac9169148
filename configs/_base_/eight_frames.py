# What vit_tiny_*_folder.py share: 8 frames over a good second, since 8 neighbouring ones are little more than an image.
_base_ = []  # none; but without this line mmengine would not allow the import
from kdtoolbox.config_files import clip_loaders as clips

eight_frames = clips.train_pipeline()
eight_frames[1] = dict(type='SampleFrames', clip_len=8, frame_interval=4, num_clips=1, out_of_bound_opt='loop')
# Steps, not epochs: with few labels an epoch has few. Two workers: decoding takes about a fifth of a step.
eight_frames_loader = dict(batch_size=8, num_workers=2, dataset=dict(pipeline=eight_frames),
                           sampler=dict(type='InfiniteSampler', shuffle=True))
eight_frames_test = clips.evenly_spaced(num_clips=2, clip_len=8, frame_stride=4, size=112)
each_step = dict(by_epoch=False)  # of logs and checkpoints
