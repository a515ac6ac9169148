"""The exported student at work: the answers of the ordinary test, of files anybody may have changed."""

import json
import shutil
import subprocess
import sys

import cv2
import numpy as np
import pytest
import torch

import kdtoolbox
from kdtoolbox import load_student
from kdtoolbox.cli.main import main
from kdtoolbox.deployment.student import Student, nearest
from kdtoolbox.deployment.student_folder import FILES, write_student_folder
from kdtoolbox.deployment.student_parts import read_data_config
from kdtoolbox.deployment.video_samples import VideoPart, VideoSamples, windows
from kdtoolbox.engine.student_settings import LEARNED_CLASSES
from kdtoolbox.evaluation.feature_file import VideoFeatures, load_features
from kdtoolbox.registry import DATASETS
from kdtoolbox.runner.testing import measure_student
from kdtoolbox.safe_files import load_safely, save_aside
from kdtoolbox.video import VideoReader
from tests.videos import write_video

CLASSES = ['jumping', "person's {{ head }}"]


@pytest.fixture(scope='module')
def student(student_folder) -> Student:
    return load_student(student_folder, device='cpu')


@pytest.fixture(scope='module')
def tested(trained):
    """What the pipeline of the test and the trained model give of each video: file -> data sample."""
    dataset = DATASETS.build(trained.cfg.test_dataloader.dataset.datasets[1])
    trained.model.eval()
    found = {}
    for index in range(len(dataset)):
        sample = trained.model.test_step({key: [value] for key, value in dataset[index].items()})[0]
        found[dataset.get_data_info(index)['filename']] = sample
    return found


def test_a_prediction_is_what_the_test_pipeline_and_the_trained_model_give(student, tested):
    for file, sample in tested.items():
        prediction = student.predict(file, topk=2)
        expected = sample.pred_scores.item.softmax(0)  # its head averages logits
        assert prediction.classes[0] == CLASSES[expected.argmax()]
        assert sorted(prediction.probabilities) == pytest.approx(sorted(expected.tolist()), abs=1e-6)
        torch.testing.assert_close(student.features(file), sample.clip_features.cpu(), rtol=1e-5, atol=1e-6)


def test_the_accuracy_of_predictions_is_that_of_kdtoolbox_test(student, trained, checkpoint, videos):
    config = trained.cfg.copy()
    config.test_evaluator = [dict(type='QueryAccuracy')]
    metrics, _ = measure_student(config, str(checkpoint))
    predictions = student.predict(videos, topk=1)
    right = [one.classes[0] == one.video.rsplit('/', 2)[-2] for one in predictions]
    assert sum(right) / len(right) == pytest.approx(metrics['acc/top1'])


def test_many_videos_in_workers_give_what_each_gives_alone_in_order(student, videos):
    files = sorted(videos.rglob('*.avi'))
    alone = [student.predict(file) for file in files]
    together = student.predict(files, num_workers=2)
    assert [one.video for one in together] == [str(file) for file in files]
    for one, other in zip(alone, together, strict=True):
        assert one.classes == other.classes and one.probabilities == pytest.approx(other.probabilities, abs=1e-5)


def test_an_unreadable_video_is_said_and_the_rest_goes_on(student, videos, tmp_path):
    (tmp_path / 'broken.mp4').write_bytes(b'no video')
    good = next(videos.rglob('*.avi'))
    broken, missing, fine = student.predict([tmp_path / 'broken.mp4', tmp_path / 'gone.mp4', good])
    assert 'broken.mp4' in broken.error and 'no such file' in missing.error and not broken.classes
    assert fine.classes and not fine.error
    with pytest.raises(ValueError, match=r'broken\.mp4'):
        student.predict(tmp_path / 'broken.mp4')
    features = student.features([tmp_path / 'broken.mp4', good])
    assert features.sample_ids == [str(good)]
    with pytest.raises(ValueError, match='none of 1 videos can be read'):
        student.features([tmp_path / 'broken.mp4'])


def test_windows_reach_from_start_to_end_and_each_shows_its_own_frames(student, tmp_path):
    video = write_video(tmp_path / 'long.avi', num_frames=50)  # at 10 frames a second
    found = [part.seconds for part in windows(VideoPart('long', video), seconds=2, stride_seconds=1.5)]
    assert found == [(0, 2), (1.5, 3.5), (3.0, 5.0)]
    assert windows(VideoPart('long', video), seconds=2, stride_seconds=2)[-1].seconds == (3.0, 5.0)
    assert windows(VideoPart('long', video), seconds=9, stride_seconds=2)[0].seconds == pytest.approx((0, 5))
    timeline = student.predict_windows(video, seconds=2, stride_seconds=1.5)
    assert [one.seconds for one in timeline] == found
    parts = windows(VideoPart('long', video), seconds=2, stride_seconds=1.5)
    samples = VideoSamples(parts, student.preprocessing['pipeline'])
    whole = VideoReader(video).frames(range(15, 35))
    shown = samples[1]['inputs'][0, :, 0].permute(1, 2, 0).numpy()  # (16, 16, 3) of the 21 x 16 pixels
    expected = cv2.resize(whole[0], (21, 16), interpolation=cv2.INTER_LINEAR)[:, :16]
    np.testing.assert_array_equal(shown, expected)
    with pytest.raises(ValueError, match='above 0'):
        student.predict_windows(video, seconds=0)


def test_the_nearest_video_of_a_gallery_is_the_video_itself(student, videos):
    gallery = student.features(videos)
    query = videos / gallery.sample_ids[2]
    found = student.nearest(query, gallery, topk=4)  # each video is there twice, in either class
    assert {name.split('/')[-1] for name, _ in found[:2]} == {query.name}
    assert [cosine for _, cosine in found[:2]] == pytest.approx([1, 1]) and found[2][1] < 1 - 1e-6
    assert nearest(student.features(query), gallery, topk=4) == found


def test_a_checkpoint_and_a_folder_of_a_run_are_students_too(checkpoint, student_folder, student, videos, tmp_path):
    shutil.copytree(student_folder, tmp_path / 'run/student')
    video = next(videos.rglob('*.avi'))
    expected = student.predict(video).probabilities
    assert load_student(checkpoint).predict(video).probabilities == pytest.approx(expected, abs=1e-6)
    assert load_student(tmp_path / 'run').predict(video).probabilities == pytest.approx(expected, abs=1e-6)


def test_the_folder_has_all_files_and_its_weights_are_the_checkpoints(student_folder, checkpoint):
    assert sorted(file.name for file in student_folder.iterdir()) == sorted(FILES)
    state = load_safely(student_folder / 'student.safetensors', what='student')
    trained = load_safely(checkpoint, what='checkpoint')['state_dict']
    assert all(torch.equal(state[name], trained[f'student.{name}']) for name in state)
    preprocessing = json.loads((student_folder / 'preprocessing.json').read_text())
    assert (preprocessing['frames'], preprocessing['frame_stride'], preprocessing['clips']) == (4, 2, 3)
    assert preprocessing['mean'] == [114.75, 107.25, 99.5] and preprocessing['colour'] == 'RGB'
    assert json.loads((student_folder / 'classes.json').read_text())['classes'] == CLASSES


def test_the_model_card_is_one_that_the_hub_reads(student_folder):
    hub = pytest.importorskip('huggingface_hub')
    card = hub.ModelCard.load(student_folder / 'README.md')
    assert card.data.pipeline_tag == 'video-classification' and card.data.library_name == 'kdtoolbox'
    assert {(result.metric_name, result.metric_value) for result in card.data.eval_results} == {
        ('top-1 accuracy', 0.75),
        ('retrieval recall@1', 0.5),
    }
    assert card.data.eval_results[0].dataset_name == 'made-up videos'
    assert 'TinyImageNet' in card.text and "person's" in card.text and 'load_student' in card.text


def test_a_student_that_learned_no_classes_says_so_and_gives_features(checkpoint, videos, tmp_path):
    content = load_safely(checkpoint, what='checkpoint')
    content['meta'][LEARNED_CLASSES] = False
    save_aside(content, tmp_path / 'a.pth')
    student = load_student(write_student_folder(tmp_path / 'a.pth', tmp_path / 'student'))
    video = next(videos.rglob('*.avi'))
    with pytest.raises(ValueError, match='learned without labels and has no classes'):
        student.predict(video)
    assert student.features(video).shape == (32,)
    assert 'feature-extraction' in (tmp_path / 'student/README.md').read_text()


def test_a_training_notes_whether_it_taught_the_head(checkpoint):
    assert load_safely(checkpoint, what='checkpoint')['meta'][LEARNED_CLASSES] is True


@pytest.mark.parametrize(
    'file, change, message',
    [
        ('student.py', lambda text: "import os\nos.system('touch HERE')\n" + text, 'line 1: expected name = value'),
        ('student.py', lambda text: text + "x = __import__('os').system('touch HERE')\n", 'no text of plain values'),
        ('student.py', lambda text: text.replace("'ResNet3d'", "'os.system'"), "'os.system', which is in no registry"),
        ('student.py', lambda text: 'model = [', 'no config of plain values'),
        ('preprocessing.json', lambda text: text.replace('"Resize"', '"os.system"'), "'os.system', which is in no"),
        ('preprocessing.json', lambda text: '{}', 'is not of the form kdtoolbox.preprocessing/1'),
        ('classes.json', lambda text: '{"classes": [1]}', 'expected {"classes"'),
    ],
)
def test_a_crafted_student_is_refused_and_runs_nothing(student_folder, tmp_path, monkeypatch, file, change, message):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(student_folder, 'student')
    crafted = tmp_path / 'student' / file
    crafted.write_text(change(crafted.read_text()))
    with pytest.raises(ValueError) as error:
        load_student('student')
    assert message in str(error.value)
    assert not (tmp_path / 'HERE').exists()


@pytest.mark.parametrize(
    'file, old, new, message',
    [
        (
            'student.py',
            "'base_channels': 4",
            "'base_channels': 1000000",
            'cannot be built from its config (a tensor of',
        ),
        ('student.py', "'depth': 18", "'depth': 'x'", 'student.safetensors: its network cannot be built'),
        ('student.py', "'type': 'I3DHead'", "'type': 'ResNet3d'", 'student.safetensors: its network cannot be built'),
        ('preprocessing.json', '"clip_len": 4', '"clip_len": 1000000', 'preprocessing.json: 3 clips of 1000000 frames'),
        ('preprocessing.json', '"crop_size": 16', '"crop_size": 99999', 'preprocessing.json: 1e+05 in its pipeline'),
        ('preprocessing.json', '"crop_size": 16', '"crop_size": "x"', 'its pipeline cannot be built'),
        ('preprocessing.json', '"type": "DecodeClip"', '"type": "Flip"', "the student's pipeline fails on it"),
        ('preprocessing.json', '"type": "Resize"', '"type": "LoadKineticsPose"', 'which reads pickles'),
        ('preprocessing.json', '"NCTHW"', '"NCHW"', 'cannot take clips of'),
        ('classes.json', '"jumping",', '', 'has 2 outputs and the names of 1 classes'),
    ],
)
def test_settings_that_do_not_fit_end_in_one_line(student_folder, videos, tmp_path, capsys, file, old, new, message):
    shutil.copytree(student_folder, tmp_path / 'student')
    changed = tmp_path / 'student' / file
    assert old in changed.read_text()
    changed.write_text(changed.read_text().replace(old, new))
    assert main(['predict', str(tmp_path / 'student'), str(next(videos.rglob('*.avi')))]) == 2
    said = capsys.readouterr().err
    assert message in said and said.count('\n') == 1


def test_a_student_that_has_diverged_is_refused_wherever_it_is_read(checkpoint, videos, tmp_path):
    content = load_safely(checkpoint, what='checkpoint')
    name = next(name for name, value in content['state_dict'].items() if value.is_floating_point())
    content['state_dict'][name][0] = float('nan')
    save_aside(content, tmp_path / 'a.pth')
    for use in (load_student, lambda file: write_student_folder(file, tmp_path / 'student')):
        with pytest.raises(ValueError, match=r'a\.pth: 1 of its \d+ tensors are not finite, such as'):
            use(tmp_path / 'a.pth')
    assert not (tmp_path / 'student').exists()


def test_what_nobody_could_use_is_not_exported(checkpoint, tmp_path):
    content = load_safely(checkpoint, what='checkpoint')
    for key, old, new, message in (
        ('student_test_pipeline', "'DecodeClip'", "'os.system'", "a.pth: .* names the type 'os.system'"),
        ('student_config', "'base_channels': 4", "'base_channels': 2", 'a.pth is of another model'),
        ('student_config', "'ResNet3d'", "'os.system'", "a.pth: .* names the type 'os.system'"),
        ('student_view', '{', '{(', 'a.pth: its student_view: .* is no text of plain values'),
    ):
        meta = {**content['meta'], key: content['meta'][key].replace(old, new)}
        assert meta != content['meta'], key
        save_aside({**content, 'meta': meta}, tmp_path / 'a.pth')
        with pytest.raises(ValueError, match=message):
            write_student_folder(tmp_path / 'a.pth', tmp_path / 'student')
        assert [entry.name for entry in tmp_path.iterdir()] == ['a.pth']


def test_the_config_of_a_student_is_read_as_data_with_its_texts_as_they_are(student_folder):
    assert read_data_config(student_folder / 'student.py')['classes'] == CLASSES


def test_weights_of_another_student_are_refused(student_folder, tmp_path):
    shutil.copytree(student_folder, tmp_path / 'student')
    text = (tmp_path / 'student/student.py').read_text()
    (tmp_path / 'student/student.py').write_text(text.replace("'num_classes': 2", "'num_classes': 3"))
    with pytest.raises(ValueError, match=r'student\.safetensors is of another model'):
        load_student(tmp_path / 'student')


def test_nothing_but_a_student_folder_is_replaced(checkpoint, tmp_path):
    (tmp_path / 'mine').mkdir()
    (tmp_path / 'mine/thesis.tex').write_text('years of work')
    with pytest.raises(ValueError, match='holds thesis.tex and is no student folder'):
        write_student_folder(checkpoint, tmp_path / 'mine')
    write_student_folder(checkpoint, tmp_path / 'student')
    write_student_folder(checkpoint, tmp_path / 'student', metrics={'acc/top1': 0.25})
    assert load_student(tmp_path / 'student').metrics['metrics'] == {'acc/top1': 0.25}
    assert sorted(file.name for file in tmp_path.iterdir()) == ['mine', 'student']


def test_importing_kdtoolbox_imports_no_torch_and_offers_the_student():
    code = 'import sys, kdtoolbox; print("load_student" in dir(kdtoolbox), "torch" in sys.modules)'
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ['True', 'False']
    with pytest.raises(AttributeError, match='no_such_thing'):
        _ = kdtoolbox.no_such_thing


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
