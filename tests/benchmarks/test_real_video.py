"""The benchmark of real videos runs from end to end, on generated ones and with a teacher that knows nothing."""

import json

import torch
import torchvision

from tests.videos import write_video


def narrow(config):
    """The config with a student of 4 channels that sees 32 pixels, and a teacher that sees 64."""
    student = config.model.student
    student.backbone.base_channels, student.cls_head.in_channels = 4, 32
    config.model.student_view.size, config.model.teacher.view.size = 32, 64
    return config


def test_every_row_is_run_and_a_second_call_prints_the_same_table(tmp_path, capsys, monkeypatch, benchmark):
    real_video = benchmark('real_video')
    as_shipped = real_video.base_config
    monkeypatch.setattr(real_video, 'base_config', lambda *args: narrow(as_shipped(*args)))
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
    real_video.main(command)
    first = capsys.readouterr().out
    rows = json.loads((tmp_path / 'out.json').read_text())['seeds']['0']['rows']
    assert len(rows) == 10
    assert rows['chance']['acc/top1'] == 0.5
    assert 'acc/top1' not in rows['student, distilled without labels']
    assert all(0 <= value <= 1 for name, row in rows.items() for key, value in row.items() if key.startswith('acc/'))
    real_video.main(command)
    assert capsys.readouterr().out.splitlines()[-12:] == first.splitlines()[-12:]
