"""One command on a folder of videos: what it trains, what it leaves behind, what it says."""

import json
import os
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.registry import DefaultScope
from PIL import Image

import kdtoolbox
from kdtoolbox.cli.main import main
from kdtoolbox.config_files.reading import read_config
from kdtoolbox.deployment.student_folder import FILES
from kdtoolbox.engine.whole_checkpoints import newest_whole_checkpoint
from kdtoolbox.evaluation.feature_file import load_features
from kdtoolbox.recipes import recipe as rules
from kdtoolbox.recipes.choosing import Wishes, choose_recipe, epochs_within
from kdtoolbox.recipes.networks import choose_student, choose_teacher
from kdtoolbox.recipes.step_time import StepTime
from kdtoolbox.recipes.survey import Survey, VideoFacts, survey_videos
from kdtoolbox.recipes.video_labels import label_videos
from kdtoolbox.reporting.html_report import training_in
from kdtoolbox.runner import distilled_run
from kdtoolbox.safe_files import load_safely
from tests.recipes.conftest import TINY
from tests.videos import write_video


def test_a_run_that_was_ended_goes_on_with_resume_and_is_finished(interrupted_run):
    out, status = interrupted_run
    assert status == 128 + 15
    checkpoint = load_safely(newest_whole_checkpoint(out / 'training'), what='checkpoint')
    assert checkpoint['meta']['epoch'] == 2 and checkpoint['meta']['iter'] == 4
    assert sorted(path.name for path in out.iterdir()) == [
        'config.py',
        'features.safetensors',
        'labelled.json',
        'metrics.json',
        'nearest.png',
        'options.json',
        'report.html',
        'split.json',
        'student',
        'training',
        'videos_report.tsv',
    ]
    assert sorted(path.name for path in (out / 'student').iterdir()) == sorted(FILES)


def test_what_is_newer_than_the_checkpoint_is_not_made_again(interrupted_run, class_folders, monkeypatch, capsys):
    out, _ = interrupted_run
    made = {file: file.stat().st_mtime_ns for file in out.rglob('*') if file.is_file()}
    command = ['distill', str(class_folders), '--out', str(out), '--resume']
    assert main(command) == 0
    assert {file: file.stat().st_mtime_ns for file in out.rglob('*') if file.is_file()} == made
    assert f'{out / "report.html"}' in capsys.readouterr().out

    class MeasuredError(Exception):
        pass

    def measure(*args):
        raise MeasuredError

    monkeypatch.setattr('kdtoolbox.runner.distilled_run.measure_student', measure)
    checkpoint = Path(newest_whole_checkpoint(out / 'training'))
    before = checkpoint.stat()
    os.utime(checkpoint)
    with pytest.raises(MeasuredError):
        main(command)
    os.utime(checkpoint, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_metrics_that_failed_are_tried_again_and_what_shows_them_is_made_again_if_there_are_more(
    interrupted_run, tmp_path, monkeypatch, capsys
):
    out = Path(shutil.copytree(interrupted_run[0], tmp_path / 'out'))
    whole = json.loads((out / 'metrics.json').read_text())
    some = {name: value for name, value in whole.items() if not name.startswith('knn/')}
    failed, tried = ValueError('k-NN needs a gallery'), []

    def measure(config, checkpoint):
        tried.append(checkpoint)
        return (some, [failed]) if len(tried) < 3 else (whole, [])

    monkeypatch.setattr(distilled_run, 'measure_student', measure)
    monkeypatch.setattr(distilled_run, '_report', lambda *args, **options: None)
    (out / 'metrics.json').unlink()
    for number, expected, has_new_card in ((1, some, True), (2, some, False), (3, whole, True), (3, whole, False)):
        before = (out / 'student/README.md').stat().st_mtime_ns
        distilled_run.finish_run(out)
        assert len(tried) == number
        assert json.loads((out / 'metrics.json').read_text()) == expected
        assert ((out / 'student/README.md').stat().st_mtime_ns > before) == has_new_card
        assert ('not measured: k-NN needs a gallery' in capsys.readouterr().out) == (expected is some)
        assert (out / 'not_measured.json').exists() == (expected is some)


def test_what_it_measured_is_what_the_test_of_its_config_measures(interrupted_run, tmp_path):
    out, _ = interrupted_run
    metrics = json.loads((out / 'metrics.json').read_text())
    assert {'acc/top1', 'retrieval/top1', 'knn/top1'} <= metrics.keys()
    checkpoint = newest_whole_checkpoint(out / 'training')
    command = ['test', out / 'config.py', checkpoint, '--out', tmp_path / 'metrics.json', '--work-dir', tmp_path]
    assert main([*map(str, command)]) == 0
    again = json.loads((tmp_path / 'metrics.json').read_text())
    assert {name: again[name] for name in metrics} == pytest.approx(metrics)
    card = (out / 'student/README.md').read_text()
    assert f'{100 * metrics["acc/top1"]:.1f} %' in card and '4 held-out videos' in card and 'OwnTeacher' in card


def test_its_config_trains_like_any_other(interrupted_run, tmp_path):
    file = str(interrupted_run[0] / 'config.py')
    options = ['train_cfg.max_epochs=1', 'train_dataloader.num_workers=0']
    assert main(['train', file, '--work-dir', str(tmp_path), '--cfg-options', *options]) == 0
    assert load_safely(tmp_path / 'epoch_1.pth', what='checkpoint')['meta']['epoch'] == 1


def test_copies_and_unreadable_videos_are_left_out_and_listed(interrupted_run):
    out, _ = interrupted_run
    report = dict(line.split('\t') for line in (out / 'videos_report.tsv').read_text().splitlines()[1:])
    assert report.keys() == {'all/jump/broken.mp4', 'all/run/day0/0.avi'}
    assert report['all/run/day0/0.avi'] == 'the same file as all/run/copy.avi'
    split = json.loads((out / 'split.json').read_text())
    assert len(split['database']) == 22 and split['labels'] == ['jump', 'run']


def test_layers_are_compared_beside(interrupted_run):
    config = read_config(interrupted_run[0] / 'config.py')
    assert config.model.terms.layer1.loss.type == 'PKD' and config.model.use_labels
    assert config.model.terms.features.teacher_connector.channels == 12
    assert config.model.terms.features.loss.type == 'L2'


def test_the_student_predicts_embeds_and_searches(interrupted_run, class_folders, tmp_path, capsys):
    out, _ = interrupted_run
    video = str(class_folders / 'all/run/day1/3.avi')
    assert main(['predict', str(out), video, '--topk', '2']) == 0
    assert re.search(r'(run|jump) 0\.\d\d, (run|jump) 0\.\d\d', capsys.readouterr().out)
    features = load_features(out / 'features.safetensors')
    assert len(features.sample_ids) == 22 and sorted(set(features.roles)) == ['gallery', 'query']
    named = [features.classes[label] for label in features.labels]
    assert named == [name.split('/')[1] for name in features.sample_ids]
    assert main(['evaluate-features', str(out / 'features.safetensors')]) == 0
    metrics = json.loads((out / 'metrics.json').read_text())
    assert re.search(rf'retrieval/top1 +{metrics["retrieval/top1"]:.4f}\n', capsys.readouterr().out)
    assert main(['search', video, '--in', str(out), '--topk', '1', '--draw', str(tmp_path / 'found.png')]) == 0
    assert re.search(r'1\.000 +all/run/day1/3\.avi', capsys.readouterr().out)
    with Image.open(out / 'nearest.png') as picture:
        assert picture.height > 4 * 90


def test_a_run_without_labels_learns_features_and_says_that_it_has_no_classes(label_free_run):
    config = read_config(label_free_run / 'config.py')
    assert not config.model.use_labels and list(config.model.terms) == ['features'] and not config.test_evaluator
    assert config.model.terms.features.loss == dict(type='VideoMean', loss=dict(type='L2'))
    assert json.loads((label_free_run / 'metrics.json').read_text()) == {}
    assert (label_free_run / 'nearest.png').is_file() and (label_free_run / 'report.html').is_file()
    student = kdtoolbox.load_student(label_free_run)
    video = next(label_free_run.parent.glob('videos/*.avi'))
    assert student.features(video).shape == (8,)
    with pytest.raises(ValueError, match='learned without labels'):
        student.predict(video)


def test_a_second_run_in_the_same_place_is_refused(interrupted_run, class_folders, capsys):
    assert main(['distill', str(class_folders), '--out', str(interrupted_run[0])]) == 2
    assert 'holds a run already: go on with it, --resume' in capsys.readouterr().err


def test_a_resumed_run_refuses_options_that_are_not_its_own(interrupted_run, class_folders, tmp_path, capsys):
    out, other = str(interrupted_run[0]), tmp_path / 'other'
    other.mkdir()
    for arguments, message in (
        ([class_folders, '--epochs', '3'], '--epochs 3: the run in .* was begun with 2, and --resume goes on with'),
        ([class_folders, '--baseline'], '--baseline: the run in .* was begun without it'),
        ([other], 'VIDEOS .*other: the run in .* was begun with .*my_videos'),
    ):
        assert main(['distill', *map(str, arguments), '--out', out, '--resume']) == 2
        assert re.search(message, capsys.readouterr().err)
    begun = json.loads((interrupted_run[0] / 'options.json').read_text())
    assert begun['layers'] == ['backbone.second=layers.2'] and begun['epochs'] == 2


def test_a_run_that_was_moved_is_not_begun_again_in_its_old_place(interrupted_run, class_folders, tmp_path, capsys):
    moved, gone = tmp_path / 'moved', tmp_path / 'gone'
    (moved / 'training').mkdir(parents=True)
    text = (interrupted_run[0] / 'config.py').read_text().replace(str(interrupted_run[0]), str(gone))
    (moved / 'config.py').write_text(text)
    assert main(['distill', str(class_folders), '--out', str(moved), '--resume']) == 2
    assert f'was the folder moved? Move it back to {gone}' in capsys.readouterr().err
    assert not gone.exists()


def test_few_labels_make_a_probe_that_teaches_all_videos_and_a_baseline_learns_them_alone(
    class_folders, networks, tmp_path, capsys
):
    labelled = [f'all/{name}/day{number % 2}/{number}' for name in ('jump', 'run') for number in range(1, 7)]
    entries = {key: {'subset': 'training', 'annotations': {'label': key.split('/')[1]}} for key in labelled}
    (tmp_path / 'few.json').write_text(json.dumps({'database': entries}))
    options = ['--teacher', f'{networks}:OwnTeacher', '--student', f'{networks}:OwnBackbone', *TINY, '--epochs', '1']
    command = ['distill', class_folders, '--out', tmp_path / 'run', '--labels', tmp_path / 'few.json', *options]
    assert main([*map(str, command), '--baseline', '--no-flip']) == 0
    config = read_config(tmp_path / 'run/config.py')
    assert config.model.terms.probe.loss.type == 'KLDivergence' and config.model.use_labels
    assert load_safely(config.model.teacher.probe, what='probe')
    assert 'acc/top1' in json.loads((tmp_path / 'run/metrics.json').read_text())
    assert not [one for one in config.train_pipeline if one['type'] == 'Flip']
    baseline = read_config(tmp_path / 'run/baseline.py')
    assert (
        baseline.model.student == config.model.student and not baseline.model.terms and 'teacher' not in baseline.model
    )
    assert baseline.test_dataloader.dataset.datasets[1] == config.test_dataloader.dataset.datasets[1]
    steps, steps_alone = (
        load_safely(newest_whole_checkpoint(tmp_path / 'run' / name), what='checkpoint')['meta']['iter']
        for name in ('training', 'baseline')
    )
    assert (steps, steps_alone) == (2, 2) and baseline.train_cfg.max_epochs == 2  # of one step: 10 labels, 8 a batch
    assert len(json.loads((tmp_path / 'run/labelled.json').read_text())['database']) == 12
    card = (tmp_path / 'run/student/README.md').read_text()
    assert '10 videos with a label, of 20 that it learned from' in card
    rows = re.findall(r'^ +(student|teacher|baseline|chance) +\S+ %', capsys.readouterr().out, re.MULTILINE)
    assert rows == ['student', 'teacher', 'baseline', 'chance']
    report = (tmp_path / 'run/report.html').read_text(encoding='utf-8')
    assert 'the baseline' in report and '<title>Report: run' in report
    assert training_in(tmp_path / 'run') == str(tmp_path / 'run/training')


def test_the_config_is_printed_and_nothing_is_written(class_folders, networks, tmp_path, capsys):
    options = ['--teacher', f'{networks}:OwnTeacher', '--student', f'{networks}:OwnBackbone', *TINY]
    command = ['distill', class_folders, '--out', tmp_path / 'run', '--labels', 'none', '--print-config', *options]
    assert main([*map(str, command)]) == 0
    printed = capsys.readouterr().out
    assert not (tmp_path / 'run').exists()
    with DefaultScope.overwrite_default_scope('kdtoolbox'):
        config = Config.fromstring(printed, '.py')
    assert config.train_dataloader.dataset.data_root == str(class_folders) and config.train_cfg.max_epochs == 100
    assert not config.model.use_labels and 'val_dataloader' not in config


@pytest.mark.parametrize('epochs', [4, 5])
def test_a_training_of_a_few_epochs_is_tested_at_its_end_alone(epochs, class_folders, networks, tmp_path, capsys):
    options = ['--teacher', f'{networks}:OwnTeacher', '--student', f'{networks}:OwnBackbone', '--epochs', epochs]
    command = ['distill', class_folders, '--out', tmp_path / 'run', '--print-config', *options]
    assert main([*map(str, command)]) == 0
    printed = capsys.readouterr().out
    assert ('val_dataloader = ' in printed) == (epochs == 5) and 'test_dataloader = ' in printed
    assert "type='LoggerHook', interval=1," in printed, 'a curve of a short training has points'


@pytest.mark.parametrize(
    'arguments, message',
    [
        (['gone'], 'there is no such folder of videos'),
        (['.', '--resume'], 'holds no run'),
        (['.', '--out', '.'], 'is the folder of the videos'),
        (['.', '--layers', 'a'], 'expected STUDENT=TEACHER'),
        (['.', '--hours', '0'], 'expected a number above 0'),
        (['.', '--teacher', 'torchvision.resnet5'], "torchvision has no 'resnet5': did you mean"),
        (['.', '--teacher', 'nothing'], 'expected torchvision.<name>, timm.<name>'),
        (['.', '--teacher', 'gone.py:Net'], 'gone.py: no such file'),
        (['.', '--teacher', 'gone.py'], 'name the class in it too'),
        (['.'], 'holds no videos'),
    ],
)
def test_misuse_is_one_line(tmp_path, monkeypatch, capsys, networks, arguments, message):
    monkeypatch.chdir(tmp_path)
    out = [] if '--out' in arguments else ['--out', 'run']
    teacher = [] if '--teacher' in arguments else ['--teacher', f'{networks}:OwnTeacher']
    assert main(['distill', *arguments, *out, *teacher]) == 2
    said = capsys.readouterr().err
    assert message in said and said.strip().count('\n') == 0 and not (tmp_path / 'run').exists()


@pytest.mark.parametrize('options', [dict(frames=0), dict(epochs=0), dict(size=1.5), dict(teacher_size=True)])
def test_numbers_from_python_are_checked_as_those_of_the_command(class_folders, networks, tmp_path, options):
    ((name, value),) = options.items()
    with pytest.raises(ValueError, match=f'{name}={value!r}: expected a whole number of at least 1'):
        kdtoolbox.distill(class_folders, tmp_path / 'run', teacher=f'{networks}:OwnTeacher', **options)
    assert not (tmp_path / 'run').exists()


def test_weights_out_of_reach_are_said_before_any_video_is_opened(class_folders, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'torch'))
    monkeypatch.setattr('kdtoolbox.recipes.survey._open', None)
    assert main(['distill', str(class_folders), '--out', str(tmp_path / 'run')]) == 2
    said = capsys.readouterr().err
    assert 'could not be fetched' in said and '--teacher torchvision.mobilenet_v2 --weights FILE' in said


def test_a_class_that_is_not_registered_is_said_with_the_line_to_add(networks):
    with pytest.raises(ValueError, match=r'@MODELS.register_module\(\) above "class NotRegistered"'):
        choose_teacher(f'{networks}:NotRegistered', weights=None, frames=4, size=16)


def test_the_regime_follows_the_labels_and_the_length_the_videos(networks):
    teacher = choose_teacher(f'{networks}:OwnTeacher', weights=None, frames=8, size=16)
    assert teacher.config['view'] == {'size': 16, 'frame_stride': 2} and teacher.channels == 12
    folders = [f'{label}/{n}.mp4' for label in ('run', 'sit') for n in range(5)]
    assert rules.regime_of(label_videos(folders), teacher) == rules.ALL_LABELS
    assert rules.regime_of(label_videos([*folders, 'a.mp4']), teacher) == rules.FEW_LABELS
    assert rules.regime_of(label_videos([*folders, 'a.mp4']), replace(teacher, takes_probe=False)) == rules.ALL_LABELS
    assert rules.regime_of(label_videos(folders, labels='none'), teacher) == rules.LABEL_FREE
    assert (
        rules.student_for(200, teacher) == 'r3d18'
        and rules.student_for(200, replace(teacher, stem='layer2')) == 'image_stem'
    )
    assert rules.student_for(20_000, replace(teacher, stem='layer2')) == 'r3d18'
    assert (rules.epochs_for(20), rules.epochs_for(1), rules.epochs_for(1000)) == (38, 100, 25)
    assert (rules.batch_size_for(5, has_gpu=True), rules.batch_size_for(500, has_gpu=False)) == (5, 8)
    with pytest.raises(ValueError, match='3 videos to learn from, expected 4 or more'):
        rules.batch_size_for(3, has_gpu=False)


@pytest.mark.parametrize('name', ['r3d18', 'r2plus1d18'])
def test_the_students_of_mmaction2_run_on_the_clips(name, networks):
    teacher = choose_teacher(f'{networks}:OwnTeacher', weights=None, frames=8, size=16)
    student = choose_student(name, teacher, num_classes=3, frames=8, size=32)
    assert student.channels == student.config['cls_head']['in_channels'] == 512


@pytest.mark.parametrize('num_frames, rate, stride', [(300, 25, 2), (300, 60, 5), (20, 25, 1), (300, 10, 1)])
def test_a_clip_spans_a_good_second_but_not_more_than_the_videos_have(num_frames, rate, stride):
    survey = Survey(Path('x'), [VideoFacts('a', num_frames, rate)])
    assert rules.frame_stride_for(survey, 16) == stride


def test_hours_are_filled_with_epochs_of_the_measured_time(class_folders, networks):
    recipe = choose_recipe(
        Wishes(class_folders, student=f'{networks}:OwnBackbone', teacher=f'{networks}:OwnTeacher', size=16, frames=4)
    )
    assert recipe.steps_per_epoch == 2 and recipe.evaluates
    assert epochs_within(1, recipe, StepTime(step=1.0, clip=0.1)) == 1530  # 0.85 h of 2 s
    assert epochs_within(0.001, recipe, StepTime(step=10.0, clip=0.1)) == 1


def test_a_baseline_needs_labels(class_folders, networks):
    wishes = Wishes(class_folders, student=f'{networks}:OwnBackbone', teacher=f'{networks}:OwnTeacher', labels='none')
    with pytest.raises(ValueError, match='--baseline: 0 of the videos to learn from have a label, expected 4 or more'):
        rules.baseline_of(choose_recipe(replace(wishes, size=16, frames=4)))


def test_paths_in_a_config_have_no_dots(class_folders):
    assert survey_videos(class_folders / 'all' / '..').root == class_folders.resolve()


def test_frames_of_prepare_are_videos_too(tmp_path):
    for number in range(2):
        folder = tmp_path / f'run/{number}'
        folder.mkdir(parents=True)
        (folder / 'n_frames').write_text('12')
        (folder / 'fps').write_text('25')
    survey = survey_videos(tmp_path)
    assert survey.are_frames and survey.videos[0] == VideoFacts('run/0', 12, 25.0)
    (tmp_path / 'empty').mkdir()
    with pytest.raises(ValueError, match='holds no videos'):
        survey_videos(tmp_path / 'empty')


def test_a_folder_of_nothing_readable_says_why(tmp_path):
    (tmp_path / 'a.mp4').write_bytes(b'no video')
    write_video(tmp_path / 'still.avi', num_frames=1)
    with pytest.raises(ValueError, match=r'none of the 2 videos .* can be used; the first, a\.mp4'):
        survey_videos(tmp_path)
