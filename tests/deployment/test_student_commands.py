"""The commands that use a student: predict, embed, search, export."""

import json
import shutil

import numpy as np
import pytest

from kdtoolbox.cli.main import main
from kdtoolbox.deployment.student_folder import write_student_folder
from kdtoolbox.evaluation.feature_file import VideoFeatures, load_features
from kdtoolbox.safe_files import load_safely

CLASSES = ['jumping', "person's {{ head }}"]


def test_predict_writes_json_csv_and_a_drawn_video(student_folder, videos, tmp_path, capsys):
    video = next(videos.rglob('*.avi'))
    files = {suffix: tmp_path / f'out.{suffix}' for suffix in ('json', 'csv', 'mp4')}
    command = ['predict', student_folder, video, '--topk', 2, '--window', 2, '--stride', 1, '--draw', files['mp4']]
    assert main([*map(str, command), '--json', str(files['json']), '--csv', str(files['csv'])]) == 0
    printed = capsys.readouterr().out
    assert '0.0–2.0 s: ' in printed and '3 windows in' in printed and 'a second' in printed
    found = json.loads(files['json'].read_text())
    assert [one['seconds'] for one in found] == [[0, 2], [1, 3], [2, 4]]
    assert {one['name'] for one in found[0]['classes']} == set(CLASSES)
    assert len(files['csv'].read_text().splitlines()) == 1 + 3 * 2
    import av

    with av.open(str(files['mp4'])) as drawn:
        assert sum(1 for _ in drawn.decode(video=0)) == 40


def test_predict_on_a_folder_names_what_it_cannot_read_and_ends_with_1(student_folder, videos, tmp_path, capsys):
    shutil.copytree(videos, tmp_path / 'videos')
    (tmp_path / 'videos/jumping/broken.mp4').write_bytes(b'no video')
    assert main(['predict', str(student_folder), str(tmp_path / 'videos')]) == 1
    captured = capsys.readouterr()
    assert '4 videos in' in captured.out and '1 could not be read' in captured.out and 'broken.mp4' in captured.err


@pytest.mark.parametrize(
    'arguments, message',
    [
        (['predict', 'gone', 'a.mp4'], 'there is no such folder or file'),
        (['predict', '.', 'a.mp4'], 'is no student folder'),
        (['predict', 'x', 'a.mp4', '--stride', '1'], '--window SECONDS'),
        (['predict', 'x', 'a.mp4', 'b.mp4', '--draw', 'c.mp4'], 'draws on one video'),
        (['embed', 'x', 'a.mp4', '--out', 'a.txt'], 'ends in .safetensors or .npz'),
        (['search', 'a.mp4', '--in', 'gone.npz'], 'no such file'),
        (['search', 'a.mp4', '--in', '.'], 'has no features.safetensors'),
        (['search', '.', '--in', '.'], 'the query . is a folder, expected a video file'),
    ],
)
def test_misuse_is_one_line(tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert message in said and said.count('\n') == 1


def test_no_video_that_is_read_is_overwritten(student_folder, videos, tmp_path, capsys):
    shutil.copytree(videos, tmp_path / 'videos')
    video = next((tmp_path / 'videos').rglob('*.avi'))
    content = video.read_bytes()
    (tmp_path / 'link.mp4').symlink_to(video)
    for command in (
        ['predict', student_folder, video, '--draw', video],
        ['predict', student_folder, tmp_path / 'videos', '--csv', video],
        ['predict', student_folder, video, '--json', tmp_path / 'link.mp4'],
        ['search', video, '--in', tmp_path, '--draw', video],
    ):
        assert main([*map(str, command)]) == 2
        assert 'that is read, and would be overwritten: name another one' in capsys.readouterr().err
    assert video.read_bytes() == content


def test_a_device_that_is_not_there_is_one_line(student_folder, videos, capsys):
    video = str(next(videos.rglob('*.avi')))
    assert main(['predict', str(student_folder), video, '--device', 'nonsense']) == 2
    said = capsys.readouterr().err
    assert "the device 'nonsense' cannot be used: " in said and said.count('\n') == 1
    with pytest.raises(SystemExit):
        main(['predict', str(student_folder), video, '--workers', '-1'])
    assert '-1 is not a whole number of at least 0' in capsys.readouterr().err


def test_a_video_that_is_named_twice_is_embedded_once(student_folder, videos, tmp_path, capsys):
    video, out = next(videos.rglob('*.avi')), tmp_path / 'features.npz'
    assert main(['embed', str(student_folder), str(videos), str(video), '--out', str(out)]) == 0
    assert 'could not be read' not in capsys.readouterr().out and len(load_features(out).sample_ids) == 4


def test_embed_and_search_find_the_video_and_draw_it(student_folder, videos, tmp_path, capsys):
    out, picture = tmp_path / 'features.safetensors', tmp_path / 'nearest.png'
    assert main(['embed', str(student_folder), str(videos), '--out', str(out)]) == 0
    features = load_features(out)
    assert isinstance(features, VideoFeatures) and features.features.shape == (4, 32)
    assert features.provenance['videos'] == str(videos.resolve())
    query = videos / features.sample_ids[0]
    assert main(['search', str(query), '--in', str(out), '--topk', '2', '--draw', str(picture)]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert any('1.000' in row and features.sample_ids[0] in row for row in rows)
    from PIL import Image

    with Image.open(picture) as image:
        assert image.height > 3 * 90 and len(np.unique(np.asarray(image.convert('RGB')).reshape(-1, 3), axis=0)) > 100
    gone = features.sample_ids[0]
    content = (videos / gone).read_bytes()
    (videos / gone).rename(tmp_path / 'query.avi')
    try:
        command = ['search', str(tmp_path / 'query.avi'), '--in', str(out), '--draw', str(picture)]
        assert main(command) == 0 and 'not drawn: 1 videos that are not there any more' in capsys.readouterr().err
    finally:
        (videos / gone).write_bytes(content)
    other = write_student_folder(next(student_folder.glob('*.pth')), tmp_path / 'other')
    content = load_safely(other / 'student.safetensors', what='a')
    from safetensors.torch import save_file

    save_file(
        {name: value + 1 if value.is_floating_point() else value for name, value in content.items()},
        other / 'student.safetensors',
    )
    assert main(['search', str(query), '--in', str(out), '--student', str(other)]) == 2
    assert 'was made by another student' in capsys.readouterr().err


def test_a_student_that_is_exported_again_keeps_its_metrics_and_facts(student_folder, tmp_path, capsys):
    assert main(['export', str(student_folder), '--out', str(tmp_path / 'again')]) == 0
    for name in ('metrics.json', 'preprocessing.json', 'classes.json'):
        assert (tmp_path / 'again' / name).read_text() == (student_folder / name).read_text()
    before, again = ((folder / 'README.md').read_text() for folder in (student_folder, tmp_path / 'again'))
    assert [line for line in again.splitlines() if line.startswith('|')] == [
        line for line in before.splitlines() if line.startswith('|')
    ]
    (tmp_path / 'metrics.json').write_text(json.dumps({'acc/top1': 0.25}))
    command = ['export', tmp_path / 'again', '--out', tmp_path / 'again', '--metrics', tmp_path / 'metrics.json']
    assert main([*map(str, command)]) == 0
    said = json.loads((tmp_path / 'again/metrics.json').read_text())
    assert said['metrics'] == {'acc/top1': 0.25} and said['facts']['teacher'] == 'TinyImageNet'


def test_all_files_of_a_student_may_be_read_by_those_who_may_read_one(student_folder):
    assert len({file.stat().st_mode & 0o777 for file in student_folder.iterdir()}) == 1


def test_export_takes_the_metrics_of_a_test(checkpoint, tmp_path, capsys):
    (tmp_path / 'metrics.json').write_text(
        json.dumps({'acc/top1': 0.5, 'provenance': {'config': 'r3d.py', 'checkpoint': 'a.pth', 'sha256': None}})
    )
    command = ['export', checkpoint, '--out', tmp_path / 'student', '--metrics', tmp_path / 'metrics.json']
    assert main([*map(str, command)]) == 0
    assert 'README.md' in capsys.readouterr().out
    kept = json.loads((tmp_path / 'student/metrics.json').read_text())
    assert kept == {'metrics': {'acc/top1': 0.5}, 'protocol': {'config': 'r3d.py', 'checkpoint': 'a.pth'}}
    again = ['export', tmp_path / 'student', '--out', tmp_path / 'again']
    assert main([*map(str, again)]) == 0
    assert (tmp_path / 'again/student.py').read_text() == (tmp_path / 'student/student.py').read_text()
