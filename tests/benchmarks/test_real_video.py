"""The benchmark of real videos runs from end to end, on generated ones and with a teacher that knows nothing."""

import json
import subprocess
import sys

import torch
import torchvision

from tests.conftest import REPOSITORY
from tests.videos import write_video


def test_every_row_is_run_and_a_second_call_prints_the_same_table(tmp_path):
    lists = {'train': [], 'test': []}
    for label in range(2):
        for number in range(6):
            name = f'Class{label}/v_Class{label}_g{number:02}_c01.avi'
            write_video(tmp_path / 'videos' / name, seed=10 * label + number, num_frames=40)
            lists['train' if number < 4 else 'test'].append(name)
    for name, lines in lists.items():
        (tmp_path / f'{name}.txt').write_text('\n'.join(lines))
    torch.save(torchvision.models.mobilenet_v3_small().state_dict(), tmp_path / 'teacher.pth')
    command = [
        sys.executable,
        str(REPOSITORY / 'benchmarks/real_video.py'),
        '--root',
        str(tmp_path / 'videos'),
        '--train-list',
        str(tmp_path / 'train.txt'),
        '--test-list',
        str(tmp_path / 'test.txt'),
        '--teacher',
        'mobilenet_v3_small',
        '--teacher-weights',
        str(tmp_path / 'teacher.pth'),
        '--epochs',
        '1',
        '--labels-per-class',
        '2',
        '--work-dir',
        str(tmp_path / 'work'),
        '--out',
        str(tmp_path / 'out.json'),
    ]
    first = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY, timeout=400)
    assert first.returncode == 0, first.stderr[-3000:]
    rows = json.loads((tmp_path / 'out.json').read_text())['seeds']['0']['rows']
    assert len(rows) == 10
    assert rows['chance']['acc/top1'] == 0.5
    assert 'acc/top1' not in rows['student, distilled without labels']
    assert all(0 <= value <= 1 for name, row in rows.items() for key, value in row.items() if key.startswith('acc/'))
    second = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY, timeout=100)
    assert second.stdout.splitlines()[-12:] == first.stdout.splitlines()[-12:]
