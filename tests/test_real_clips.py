"""The flagship and the label-free config on real clips: nothing changed but paths, teacher, sizes and epochs."""

import math
from pathlib import Path

import pytest

from kdtoolbox.cli.main import main
from kdtoolbox.safe_files import load_safely
from tests.conftest import REPOSITORY

TEACHER = ['model.teacher.model=torchvision.mobilenet_v2', 'model.teacher.view.size=64']
SIZES = [
    'model.student_view.size=56',
    'model.student.backbone.base_channels=8',
    'model.student.cls_head.in_channels=64',
    'train_cfg.max_epochs=1',
    'train_dataloader.batch_size=4',
    'val_dataloader.batch_size=4',
    'train_dataloader.num_workers=1',
    'test_dataloader.batch_size=4',
    'val_dataloader.num_workers=1',
    'test_dataloader.num_workers=1',
    *(
        f'{loader}_dataloader.dataset.datasets.{index}.pipeline.{option}'
        for loader in ('val', 'test')
        for index in (0, 1)
        for option in ('1.num_clips=2', '4.crop_size=56')
    ),
]


def train(config: str, shared: Path, work_dir: Path, *options: str) -> dict:
    weights = shared / 'data/weights/mobilenet_v2-imagenet-fp16.pth'
    status = main(
        [
            'train',
            str(REPOSITORY / 'configs' / config),
            '--work-dir',
            str(work_dir),
            '--cfg-options',
            *TEACHER,
            f'model.teacher.weights={weights}',
            *SIZES,
            *options,
        ]
    )
    assert status == 0
    checkpoint = load_safely(work_dir / 'epoch_1.pth', what='checkpoint')
    return {name: value['HistoryBuffer'][0] for name, value in checkpoint['message_hub']['log_scalars'].items()}


@pytest.fixture
def hmdb51(shared, tmp_path) -> tuple[Path, Path]:
    """The real HMDB-51 clips in the layout of the data set, each in split 1's subset or a test clip."""
    clips = [*(shared / 'data/clips/hmdb51').glob('*.avi'), *(shared / 'data/clips/torchvision').glob('*_f_*.avi')]
    splits = sorted((shared / 'data/annotations/hmdb51').glob('*_test_split1.txt'))
    annotations = tmp_path / 'annotations'
    annotations.mkdir()
    num_clips = 0
    for split in splits:
        label = split.name.removesuffix('_test_split1.txt')
        lines = []
        for line in split.read_text().splitlines():
            name, _, mark = line.strip().rpartition(' ')
            for clip in clips:
                if clip.name.removeprefix('hmdb51_') == name:
                    target = tmp_path / 'videos' / label / name
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.symlink_to(clip)
                    # 0 is unused in split 1; there are too few clips here to leave any out.
                    lines.append(f'{name} {mark if mark in "12" else 2} ')
                    num_clips += 1
        (annotations / split.name).write_text('\n'.join(lines))
    assert num_clips >= 8
    return tmp_path / 'videos', annotations


def test_the_flagship_runs_on_real_hmdb51_clips(hmdb51, shared, tmp_path):
    datasets = [
        'train_dataloader.dataset',
        *(f'{name}_dataloader.dataset.datasets.{index}' for name in ('val', 'test') for index in (0, 1)),
    ]
    paths = [f'{dataset}.{key}={path}' for dataset in datasets for key, path in zip(('data_root', 'ann_file'), hmdb51)]
    scalars = train(
        'kd_r2d_to_r3d_hmdb51.py', shared, tmp_path / 'run', *paths, 'model.terms.kd.student_connector.in_channels=64'
    )
    assert all(math.isfinite(loss) for name in ('loss', 'loss_cls', 'loss_kd') for loss in scalars[f'train/{name}'])
    assert {'val/quick_acc/top1', 'val/quick_acc/mean1', 'val/quick_retrieval/top1'} <= scalars.keys()


def test_label_free_distillation_runs_on_real_ucf101_clips(shared, tmp_path, monkeypatch):
    annotations = tmp_path / 'annotations'
    annotations.mkdir()
    root = shared / 'data/ucf101_subset'
    videos = sorted(f'{video.parent.name}/{video.name}' for video in root.glob('*/*_g0[89]_c0*.avi'))
    classes = sorted({video.split('/')[0] for video in videos})
    (annotations / 'classInd.txt').write_text(''.join(f'{n + 1} {name}\n' for n, name in enumerate(classes)))
    (annotations / 'trainlist01.txt').write_text('\n'.join(video for video in videos if '_g08' in video))
    (annotations / 'testlist01.txt').write_text('\n'.join(video for video in videos if '_g09' in video))
    monkeypatch.setenv('UCF101_VIDEOS', str(root))
    monkeypatch.setenv('UCF101_ANNOTATIONS', str(annotations))
    scalars = train('distinit_r2d_to_r3d_ucf101.py', shared, tmp_path / 'run')
    assert all(math.isfinite(loss) for loss in scalars['train/loss_distinit'])
    assert 'train/loss_cls' not in scalars
    assert scalars['val/quick_retrieval/chance_top1'][-1] == pytest.approx(1 / len(classes), abs=0.05)
