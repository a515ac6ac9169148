# Born-again networks (Furlanello et al., ICML 2018, arXiv:1805.04770): each generation learns from the one before.
#   kdtoolbox stages stages/born_again_r3d_hmdb51
teacher = 'model.teacher.weights'
stages = [
    dict(name='first', config='kd_r2d_to_r3d_hmdb51.py'),
    dict(name='second', config='regimes/video_teacher_r3d_hmdb51.py', cfg_options={teacher: '{first.student}'}),
    dict(name='third', config='regimes/video_teacher_r3d_hmdb51.py', cfg_options={teacher: '{second.student}'}),
]
