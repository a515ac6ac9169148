"""Work directories as trainings leave them, made without training: logs, config, record of the test videos."""

import json
from pathlib import Path

import numpy as np

from kdtoolbox.evaluation.video_record import VideoRecord, save_record
from tests.videos import write_video

CLASSES = ['jump', 'run & <b>hide</b>', 'throw $x$ ball']  # as names of folders may be
NUM_GALLERY, NUM_QUERIES = 6, 9
CONFIG = """
work_dir = 'here'
model = dict(
    type='Distiller', use_labels=True, student_view=dict(size=16),
    student=dict(type='Recognizer3D', backbone=dict(type='ResNet3d', depth=18), cls_head=dict(type='I3DHead',
                 num_classes=3)),
    teacher=dict(type='ImageTeacher', model='torchvision.resnet18', weights='teacher.pth',
                 view=dict(size=24, frame_stride=2)),
    terms=dict(kd=dict(loss=dict(type='KLDivergence', temperature=2.0), weight=0.5),
               hint=dict(student='features', teacher='features', loss=dict(type='L2'))))
train_dataloader = dict(batch_size=4, dataset=dict(type='FolderDataset', data_root='videos', subset='training'))
test_dataloader = dict(dataset=dict(type='FolderDataset', data_root='videos', subset='testing'))
train_cfg = dict(max_epochs=3)
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.1))
randomness = dict(seed=5)
"""


def write_videos(folder: Path) -> list[str]:
    """A file for each video of :func:`record`; the last one is damaged."""
    files = [folder / f'clip{number}.avi' for number in range(NUM_GALLERY + NUM_QUERIES)]
    for number, file in enumerate(files):
        write_video(file, seed=number)
    files[-1].write_bytes(b'no video')
    return list(map(str, files))


def record(files: list[str], *, wrong: tuple[int, ...] = (0, 4), has_labels: bool = True) -> VideoRecord:
    """Two gallery and three query videos of each class; the queries ``wrong`` are taken for the next class."""
    num, num_classes = NUM_GALLERY + NUM_QUERIES, len(CLASSES)
    labels = np.arange(num) % num_classes
    random = np.random.default_rng(0)
    seen = labels.copy()
    seen[NUM_GALLERY:][list(wrong)] = (labels[NUM_GALLERY:][list(wrong)] + 1) % num_classes
    features = np.eye(num_classes)[seen] + 0.05 * random.random((num, num_classes))
    probabilities = features[NUM_GALLERY:] / features[NUM_GALLERY:].sum(1, keepdims=True)
    taught = np.eye(num_classes)[labels] * 0.7 + 0.1
    return VideoRecord(
        sample_ids=np.array([f'clip{number}<i>.avi' for number in range(num)]),
        roles=np.array(['gallery'] * NUM_GALLERY + ['query'] * NUM_QUERIES),
        files=np.array(files),
        labels=labels if has_labels else np.full(num, -1),
        classes=np.array(CLASSES if has_labels else [], str),
        features=features.astype(np.float32),
        probabilities=probabilities.astype(np.float32),
        teacher_features=taught.astype(np.float32),
        teacher_probabilities=taught[NUM_GALLERY:].astype(np.float32),
        provenance={'weights': 'epoch_3.pth sha256:' + 'ab' * 32, 'teacher': 'ImageTeacher torchvision.resnet18'},
    )


def write_work_dir(folder: Path, files: list[str], **options) -> Path:
    """A training of three epochs, measured."""
    log = folder / '20260101_000000/vis_data'
    log.mkdir(parents=True)
    (log / 'config.py').write_text(CONFIG)
    lines = []
    for epoch in range(1, 4):
        lines += [
            {
                'lr': 0.1,
                'loss': 3 / step,
                'loss_cls': 2 / step,
                'loss_kd': 0.7 / step,
                'loss_hint': 0.3 / step,
                'step': step,
            }
            for step in (2 * epoch - 1, 2 * epoch)
        ]
        lines.append({'acc/top1': 0.2 * epoch, 'acc/chance': 1 / 3, 'retrieval/top1': 0.3 * epoch, 'step': epoch})
    (log / 'scalars.json').write_text('\n'.join(map(json.dumps, lines)) + '\n{"loss": 1.')  # killed while writing
    test = folder / '20260102_000000/vis_data'  # a later test of the student alone
    test.mkdir(parents=True)
    (test / 'config.py').write_text("model = dict(type='Distiller', student=dict(type='Recognizer3D'))")
    save_record(record(files, **options), folder / 'report/videos.npz')
    cost = {
        'parameters': 1.2e6,
        'operations': 3e9,
        'milliseconds': 4.5,
        'input_shape': [1, 3, 8, 16, 16],
        'device': 'CPU',
    }
    (folder / 'report/cost.json').write_text(json.dumps({'student': cost, 'teacher': cost}))
    (folder / 'report/gradient_shares.json').write_text(
        json.dumps({'loss_cls': 0.75, 'loss_kd': 0.2, 'loss_hint': 0.05})
    )
    return folder
