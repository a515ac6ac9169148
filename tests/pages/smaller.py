"""What the command lines of the pages get so that they need no downloads, and seconds instead of hours."""

SMALL_TEACHER = ['model.teacher.model=torchvision.mobilenet_v3_small', 'model.teacher.weights=small_teacher.pth']
SMALL_CACHED_TEACHER = [option.replace('teacher.', 'teacher.teacher.', 1) for option in SMALL_TEACHER]
SMALL_STUDENT = [
    'model.student.backbone.base_channels=4',
    'model.student.cls_head.in_channels=32',
    'model.student.cls_head.num_classes=3',
]
SMALL_VIDEO_TEACHER = [option.replace('student', 'teacher.recognizer') for option in SMALL_STUDENT]
SHORT_TRAINING = [  # a step of two clips, and a validation
    'train_cfg.max_epochs=1',
    'train_dataloader.batch_size=2',
    'train_dataloader.num_workers=1',
    'train_dataloader.dataset.indices=2',
    'val_dataloader.num_workers=1',
    'model.student_view.size=32',
]
SMALL_TRANSFORMER = ['img_size=32', 'embed_dims=24', 'num_heads=3']


def of_stage(name: str, *options: str) -> list[str]:
    """Options of one stage of a plan."""
    return [f'{name}:{option}' for option in options]


def small_transformer(model: str) -> list[str]:
    """Options of a video transformer."""
    backbone = [f'{model}.backbone.{option}' for option in SMALL_TRANSFORMER]
    return [*backbone, f'{model}.cls_head.in_channels=24', f'{model}.cls_head.num_classes=3']


SMALL_BLENDING = [f'model.student.data_preprocessor.blending.augments.{number}.num_classes=3' for number in range(2)]
# Frames of 32², so four patches each; CLIP is a ViT-Ti of timm with random weights.
SMALL_UMT = [
    'model.clip_shape=(8,32,32)',
    'model.teacher.model=timm.vit_tiny_patch16_224',
    'model.teacher.weights=None',
    'model.terms.umt.teacher_connector.1.grid=(8,2,2)',
    *small_transformer('model.student'),
]
# A part of a command line -> what is added to the line.
SMALLER = {
    'fit_probe.py configs/methods/dkd.py': ['--cfg-options', *SMALL_TEACHER],
    'doctor configs/methods/dkd.py': ['--cfg-options', *SMALL_TEACHER, *SMALL_STUDENT, '--batch-size=2'],
    'train.py configs/methods/dkd.py': ['--cfg-options', *SMALL_TEACHER, *SMALL_STUDENT, *SHORT_TRAINING],
    'kd_cached_r2d_to_r3d_hmdb51': [
        '--cfg-options',
        *SMALL_CACHED_TEACHER,
        'model.teacher.teacher.view.size=32',
        'train_dataloader.num_workers=0',
    ],
    'kdtoolbox browse kd_r2d_to_r3d_hmdb51': ['--clips', '1'],
    'test.py configs/finetune_r3d_hmdb51.py': [
        '--cfg-options',
        *SMALL_STUDENT,
        'model.student_view.size=32',
        'test_dataloader.num_workers=1',
    ],
    'stages/born_again_r3d_hmdb51': [
        '--cfg-options',
        *SMALL_STUDENT,
        *SHORT_TRAINING,
        *of_stage('first', *SMALL_TEACHER, 'model.terms.kd.student_connector.in_channels=32'),
        *of_stage('second', *SMALL_VIDEO_TEACHER),
        *of_stage('third', *SMALL_VIDEO_TEACHER),
    ],
    'stages/clip_to_vit_b16_to_x3d_s_kinetics400': [
        '--cfg-options',
        *SHORT_TRAINING,
        *of_stage('masked', *SMALL_UMT),
        *of_stage('fine_tuned', 'model.clip_shape=(8,32,32)'),
        *of_stage('fine_tuned', *small_transformer('model.student'), *SMALL_BLENDING),
        *of_stage('edge', *small_transformer('model.teacher.recognizer'), 'model.teacher.view.size=32'),
        *of_stage('edge', 'model.student.cls_head.num_classes=3'),
        *of_stage('edge', 'model.clip_shape=(16,32,32)'),
    ],
    'umt_clip_b16_to_vit_l16_sharded_kinetics400.py': [
        '--cfg-options',
        *SHORT_TRAINING,
        *SMALL_UMT,
        'model.student.backbone.depth=8',
        f'model.terms.umt.student=[{",".join(f"backbone.blocks.{block}" for block in range(2, 8))}]',
        'train_dataloader.dataset.indices=4',
    ],
    'kdtoolbox profile': ['--seconds', '0.01', '--batch-sizes', '1'],
    '--optuna 20': ['--optuna', '2'],
}
# What the reader has, and what stands in its place.
STAND_INS = {
    '--nproc-per-node=8': '--nproc-per-node=2',
    'MY_VIDEOS=/mnt/videos': 'MY_VIDEOS=VIDEOS',
    'kdtoolbox cache CONFIG': 'kdtoolbox cache kd_cached_r2d_to_r3d_hmdb51',
}
# A part of a command line -> the package that it needs.
NEEDS = {
    'kdtoolbox texts': 'transformers',
    '--optuna': 'optuna',
    '--scheduler': 'distributed',
    'clip_to_vit_b16': 'timm',
}
