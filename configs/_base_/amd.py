# AMD (Zhao et al., CVPR 2024): VideoMAE's ViT-L sees 25 % of the tokens, the student 10 %; tokens that both see are aligned,
# those that the teacher alone sees are generated, at the middle and the end of both. Numbers of the authors' scripts
# vitb_k400_pt.sh and vits_k400_pt.sh, which are the same.
amd_model = dict(
    use_labels=False, clip_shape=(16, 224, 224),
    student_tokens=dict(type='TubeTokens', keep=0.1, teacher_keep=0.25),
    teacher=dict(type='VideoTeacher', model='transformers.MCG-NJU/videomae-large', view=dict(size=224)))
amd_term = dict(
    student=['backbone.blocks.5', 'backbone.blocks.11'], teacher=['encoder.layer.11', 'encoder.layer.23'],
    student_connector=dict(type='PatchTokens'), teacher_connector=dict(type='PatchTokens'),
    loss=dict(type='AMD', student_channels='auto', teacher_channels='auto', decoder_depth=2, decoder_heads=16))
amd_videos = 16  # of each process, four clips of each with one crop; theirs are as many
