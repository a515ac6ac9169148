# What clip_named_classes_*.py share: CLIP's similarities of the frames to sentences about the classes are the targets.
clip_teacher = dict(type='EmbeddingTeacher', model='transformers.openai/clip-vit-base-patch16',  # whose texts they are
                    logit_scale=100.0,  # CLIP's own, so that its probabilities are the targets
                    view=dict(frame_stride=4))
named_head = dict(dropout_ratio=0.0, average_clips='prob')
named_classes = dict(use_labels=False, terms=dict(
    names=dict(student='logits', teacher='logits', loss=dict(type='KLDivergence', temperature=1.0)),
    # Where CLIP is unsure of the class, its embedding still tells what is seen.
    embedding=dict(student='features', teacher='features', loss=dict(type='Cosine'),
                   student_connector=dict(type='MLPProjection', in_channels='auto', out_channels='auto'))))
