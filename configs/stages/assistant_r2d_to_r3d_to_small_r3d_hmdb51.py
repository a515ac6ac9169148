# A teacher assistant (Mirzadeh et al., AAAI 2020, arXiv:1902.03393): the image network teaches an R3D-18, which teaches
# one of half its width.
#   kdtoolbox stages stages/assistant_r2d_to_r3d_to_small_r3d_hmdb51
stages = [
    dict(name='assistant', config='kd_r2d_to_r3d_hmdb51.py'),
    dict(name='student', config='regimes/video_teacher_r3d_hmdb51.py',
         cfg_options={'model.teacher.weights': '{assistant.student}', 'model.student.backbone.base_channels': 32,
                      'model.student.cls_head.in_channels': 256}),
]
