# The motion stream that teaches MARS and MERS: a student of the same kind that was trained with the labels on
# differences of neighbouring frames, and exported:
#   python tools/train.py configs/finetune_r3d_hmdb51.py --work-dir work_dirs/motion --cfg-options \
#       model.student_view.modality=rgb_difference model.student.data_preprocessor.mean=[0,0,0] \
#       model.student.data_preprocessor.std=[20,20,20]
#   python tools/export_student.py work_dirs/motion/epoch_60.pth work_dirs/motion_teacher.pth
motion_teacher = dict(
    type='RecognizerTeacher', weights='{{$HMDB51_MOTION_TEACHER:work_dirs/motion_teacher.pth}}',
    view=dict(size=112, modality='rgb_difference'))
# Differences are around 0 as they are; most are small.
motion_preprocessor = dict(type='ActionDataPreprocessor', mean=[0.0] * 3, std=[20.0] * 3, format_shape='NCTHW')
