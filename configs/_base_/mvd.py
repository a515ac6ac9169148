# MVD, Wang et al., CVPR 2023: two teachers that learned by reconstructing, an image one (MAE) on the first frame of each
# tubelet and a video one (VideoMAE); the student predicts the normalised tokens of both where it sees nothing, by a
# decoder of two blocks for each. Numbers of the authors' scripts mvd_vit_*_from_vit_base_teacher_epoch_400.
mvd_decoder = dict(type='MVD', student_channels='auto', teacher_channels='auto', distance='smooth_l1', decoder_depth=2)
mvd_side = dict(student='backbone.blocks.11', student_connector=dict(type='PatchTokens'), loss=mvd_decoder)
mvd_model = dict(
    use_labels=False, clip_shape=(16, 224, 224),
    teacher=dict(
        image=dict(type='EmbeddingTeacher', model='timm.vit_base_patch16_224.mae', weights='pretrained',
                   view=dict(size=224, frame_stride=2)),
        video=dict(type='VideoTeacher', model='transformers.MCG-NJU/videomae-base', view=dict(size=224))),
    terms=dict(
        image=dict(mvd_side, teacher='image.blocks.11', teacher_connector=[
            dict(type='TokensToMap', num_prefix_tokens=1), dict(type='MatchGrid', grid=(8, 14, 14))]),
        video=dict(mvd_side, teacher='video.encoder.layer.11', teacher_connector=[
            dict(type='TokensToMap', num_prefix_tokens=0), dict(type='MatchGrid', grid=(8, 14, 14))])))
