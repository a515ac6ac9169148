"""A folder with what the pages speak of, under the names that they use, all of it small."""

import csv
import json
import re
import shutil
from pathlib import Path

import pytest
import torch
import torchvision
from mmengine.config import Config
from mmengine.registry import init_default_scope

from kdtoolbox.cli.export_student import export_student
from kdtoolbox.deployment.student_folder import write_student_folder
from kdtoolbox.evaluation.clip_retrieval import chance_topk
from kdtoolbox.registry import MODELS
from kdtoolbox.runner.training import build_runner
from tests.conftest import REPOSITORY
from tests.folder_run import folder_config
from tests.onnx_runtime import exporting_once, operators_are_listed_once
from tests.pages.smaller import SMALL_STUDENT
from tests.teachers.small_models import save_model, save_tokenizer
from tests.test_commands_on_pages import COMMAND_LINES
from tests.videos import (
    write_activitynet,
    write_folders,
    write_hmdb51,
    write_kinetics,
    write_ssv2,
    write_ucf101,
    write_video,
)


@pytest.fixture(scope='session')
def data_sets(tmp_path_factory) -> Path:
    """The data sets as they are unpacked, before anything is prepared; to be read only."""
    folder = tmp_path_factory.mktemp('data_sets')
    videos, annotations = write_hmdb51(folder / 'hmdb51', num_classes=3, used_classes=3)
    annotations.rename(folder / 'hmdb51/testTrainMulti_7030_splits')
    videos.rename(folder / 'hmdb51/hmdb51_org')
    videos, annotations = write_ucf101(folder / 'ucf101')
    annotations.rename(folder / 'ucf101/ucfTrainTestlist')
    videos.rename(folder / 'ucf101/UCF-101')
    for video in sorted((folder / 'hmdb51/hmdb51_org').glob('*/*.avi')):
        video.rename(video.with_name(f'{video.parent.name}_{video.name}'))
    for file in (folder / 'hmdb51/testTrainMulti_7030_splits').glob('*1.txt'):
        file.write_text(re.sub('^(?=clip)', f'{file.name[:7]}_', file.read_text(), flags=re.MULTILINE))
        for split in '23':
            shutil.copyfile(file, file.with_stem(file.stem[:-1] + split))
    for file in (folder / 'ucf101/ucfTrainTestlist').glob('*01.txt'):
        for split in '23':
            shutil.copyfile(file, file.with_stem(file.stem[:-1] + split))
    _, annotations = write_activitynet(folder / 'activitynet')
    annotations.rename(folder / 'activitynet/activity_net.v1-3.min.json')
    _write_kinetics(folder / 'kinetics')
    write_folders(folder / 'own')[0].rename(folder / 'mine')
    shutil.rmtree(folder / 'own')
    write_kinetics(folder / 'kinetics400')
    write_ssv2(folder / 'data/ssv2', videos=1)
    for name, classes in (('data/videos', ('jump',)), ('VIDEOS', ('jump', 'run'))):
        for clip in [f'{label}/v_{label}_g0{n}_c01.avi' for label in classes for n in range(2)]:
            write_video(folder / name / clip, seed=1)
    return folder


def _write_kinetics(folder: Path) -> None:
    """The first layout of docs/datasets/kinetics.md: a CSV of each subset, test clips in a folder of their own."""
    for subset in ('train', 'val', 'test'):
        rows = []
        for label in ('abseiling', 'zumba'):
            name = f'{subset}{label[:4]}_'.ljust(11, 'x')
            place = 'test' if subset == 'test' else label
            write_video(folder / f'videos/{place}/{name}_000001_000011.avi')
            row = dict(label=label, youtube_id=name, time_start=1, time_end=11, split=subset)
            rows.append({key: value for key, value in row.items() if key != 'label' or subset != 'test'})
        with open(folder / f'{subset}.csv', 'w', newline='') as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)


@pytest.fixture(scope='session')
def runs(tmp_path_factory) -> Path:
    """Work directories, a config and a checkpoint of a training of one epoch, and the tables of the results."""
    folder = tmp_path_factory.mktemp('runs')
    config = folder_config(folder / 'trained')
    config.test_evaluator[1].topk = (1, 5, 10, 20, 50)
    config.val_dataloader, config.val_evaluator, config.val_cfg = config.test_dataloader, config.test_evaluator, dict()
    init_default_scope('kdtoolbox')
    config.dump(folder / 'CONFIG.py')
    build_runner(Config.fromfile(folder / 'CONFIG.py')).train()
    checkpoint = folder / 'trained/epoch_1.pth'
    for name in ('kd', 'scratch', 'kd_hint', 'CONFIG'):
        shutil.copytree(folder / 'trained', folder / 'work_dirs' / name, ignore=shutil.ignore_patterns('videos'))
    for file in ('distinit_r2d_to_r3d_ucf101/epoch_45.pth', 'my_run/epoch_120.pth'):
        (folder / 'work_dirs' / file).parent.mkdir()
        shutil.copyfile(checkpoint, folder / 'work_dirs' / file)
    shutil.copyfile(checkpoint, folder / 'CHECKPOINT')
    export_student(checkpoint, folder / 'student.pth')
    write_student_folder(checkpoint, folder / 'work_dirs/kd/student')
    shutil.copytree(folder / 'work_dirs/kd', folder / 'WORK_DIR')
    _write_fine_tuned(folder / 'work_dirs/finetune_r3d_hmdb51/epoch_60.pth')
    _write_my_paths(folder / 'my_paths.py')
    shutil.copytree(REPOSITORY / 'docs/results', folder / 'docs/results')
    shutil.copyfile(REPOSITORY / 'docs/results.md', folder / 'docs/results.md')
    _write_chance(folder)
    _copy_configs(folder / 'configs')
    shutil.copytree(REPOSITORY / 'tools', folder / 'tools')
    torch.save(torchvision.models.mobilenet_v3_small().state_dict(), folder / 'small_teacher.pth')
    (folder / 'openai').mkdir()
    save_tokenizer(save_model(folder / 'openai/clip-vit-base-patch16', 'clip'))
    (folder / 'classes.txt').write_text('walk\nyo yo\n')
    return folder


def _copy_configs(folder: Path) -> None:
    """Those that commands name by their file, and the first of each folder: the index of all takes seconds to write."""
    lines = ' '.join(line.values[0] for line in COMMAND_LINES)
    for file in (REPOSITORY / 'configs').rglob('*.*'):
        name = file.relative_to(REPOSITORY).as_posix()
        first = sorted(file.parent.glob(f'*{file.suffix}'))[0]
        if '_base_' in name or name in lines or file == first:
            (folder.parent / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, folder.parent / name)


def _write_fine_tuned(file: Path) -> None:
    """A checkpoint of finetune_r3d_hmdb51 with few channels."""
    config = Config.fromfile(REPOSITORY / 'configs/finetune_r3d_hmdb51.py')
    config.merge_from_dict({key: int(value) for key, value in (option.split('=') for option in SMALL_STUDENT)})
    file.parent.mkdir()
    torch.save({'state_dict': MODELS.build(config.model).state_dict()}, file)


def _write_my_paths(file: Path) -> None:
    """The lines of docs/paths.md, and what uses them, over CONFIG.py."""
    page = (REPOSITORY / 'docs/paths.md').read_text()
    lines = re.search(r'```python\n(# my_paths\.py\n.*?)```', page, flags=re.DOTALL)
    file.write_text(
        f"_base_ = 'CONFIG.py'\n{lines[1]}"
        'train_dataloader = dict(dataset=dict(data_root=data_root))\n'
        'val_cfg = val_dataloader = val_evaluator = None\n'
    )


def _write_chance(folder: Path) -> None:
    """ANNOTATIONS as many as the official ones of HMDB-51, and as UCF-101's chance row that of the run's videos."""
    (folder / 'ANNOTATIONS').mkdir()
    for label in range(51):
        lines = [f'{number}.avi {1 if number < 70 else 2} \n' for number in range(100)]
        (folder / f'ANNOTATIONS/class{label}_test_split1.txt').write_text(''.join(lines))
    file = folder / 'docs/results/chance.json'
    rows, labels = json.loads(file.read_text()), torch.tensor([0, 0, 1, 1])
    topk = {name: int(name.removeprefix('top-')) for name in rows['ucf101']['retrieval']}
    shares = chance_topk(labels, labels, list(topk.values()))
    rows['ucf101'].update(
        num_classes=2,
        num_gallery=4,
        num_queries=4,
        retrieval={name: shares[k] for name, k in topk.items()},
        finetune={'top-1': 0.5},
    )
    file.write_text(json.dumps(rows))


@pytest.fixture
def here(tmp_path, tmp_path_factory, monkeypatch, data_sets, runs) -> Path:
    """A copy of all, to be in and to write to."""
    for folder in (data_sets, runs):
        shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('HMDB51_VIDEOS', 'hmdb51/hmdb51_org')
    monkeypatch.setenv('HMDB51_ANNOTATIONS', 'hmdb51/testTrainMulti_7030_splits')
    monkeypatch.setenv('UCF101_VIDEOS', 'ucf101/UCF-101')
    monkeypatch.setenv('UCF101_ANNOTATIONS', 'ucf101/ucfTrainTestlist')
    monkeypatch.setenv('KINETICS400_VIDEOS', 'kinetics400/videos')
    monkeypatch.setenv('KINETICS400_ANNOTATIONS', 'kinetics400/annotations.json')
    operators_are_listed_once()
    monkeypatch.setattr('kdtoolbox.profiling.measuring.save_onnx', exporting_once(tmp_path_factory.mktemp('exported')))
    monkeypatch.setattr('kdtoolbox.evaluation.linear_probe.L2_GRID', (1.0, 0.1, 0.01))  # weak ones take seconds
    return tmp_path
