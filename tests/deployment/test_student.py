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
