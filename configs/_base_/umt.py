# UMT, Li et al., ICCV 2023: a ViT-B that sees 20 % of the tokens, those that CLIP looks at, learns to give CLIP's
# tokens, without labels. Numbers of the authors' script b16_ptk710_f8_res224.sh. Their targets pass CLIP's last norm and
# projection first; here they are the blocks' own. Needs timm, for CLIP.
umt_depths = range(6, 12)  # the last six blocks of both
umt_batch_size = 64  # of each process; theirs has 32
umt_clip = [dict(type='OpenVideo'), dict(type='UniformSample', clip_len=8)]  # 8 frames spread over the whole video
umt_model = dict(
    use_labels=False, clip_shape=(8, 224, 224),
    student_tokens=dict(type='AttentionTokens', keep=0.2),
    teacher=dict(type='EmbeddingTeacher', model='timm.vit_base_patch16_clip_224.openai', weights='pretrained',
                 view=dict(size=224)),  # it sees all 8 frames, one for each time step of the student
    terms=dict(umt=dict(
        student=[f'backbone.blocks.{depth}' for depth in umt_depths],
        teacher=[f'blocks.{depth}' for depth in umt_depths],
        student_connector=dict(type='PatchTokens'),
        teacher_connector=[dict(type='TokensToMap', num_prefix_tokens=1), dict(type='MatchGrid', grid=(8, 14, 14))],
        loss=dict(type='UMT', student_channels='auto', teacher_channels='auto'))))
