# What ViTs with tubelets of two frames share (VideoMAE, MVD, AMD): 16 frames of 224² become 8 x 14 x 14 tokens.
_base_ = []  # none; but without this line mmengine would not allow the import
from kdtoolbox.config_files import clip_loaders as clips

tubelet_backbone = dict(num_frames=16, tubelet_size=2)
pretraining_backbone = dict(tubelet_backbone, drop_path_rate=0.0)  # of VideoMAE and AMD; MVD and fine-tuning have 0.1
tubelet_grid = (8, 14, 14)
vit_s = dict(embed_dims=384, num_heads=6)  # beside a ViT-B's 768 and 12
hide = dict(type='TubeTokens', keep=0.1)   # the same places in all time steps: VideoMAE's tube masking, 90 %
dense_clip = dict(type='SampleFrames', clip_len=16, frame_interval=4, num_clips=1, out_of_bound_opt='loop')  # of Kinetics
tubelet_clip = [dict(type='OpenVideo'), dense_clip]
# VideoMAE's term: the pixels of hidden tubelets, by a decoder of four blocks.
pixels = dict(student='backbone.blocks.11', teacher=None, student_connector=dict(type='PatchTokens'),
              loss=dict(type='VideoMAE', student_channels='auto', tubelet=(2, 16, 16), decoder_depth=4))
# Of fine-tuning: 2 clips of a video while training, 5 clips and 3 crops in the test.
fine_tuning_clips = clips.evenly_spaced(num_clips=2, clip_len=16, frame_stride=4, size=224)
fine_tuning_test_clips = clips.three_crops(num_clips=5, clip_len=16, frame_stride=4, size=224)
