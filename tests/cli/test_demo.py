import json
from dataclasses import replace

import pytest

from kdtoolbox.cli.demo import distill_digits
from kdtoolbox.config_files.reading import read_config
from kdtoolbox.demo.digit_videos import DigitVideos, write_few_labels
from kdtoolbox.deployment.student import load_student

TEACHER = 'mobilenet_v3_small'  # a fifth of the demo's
SMALLER = dict(TEACHER=TEACHER, PIXELS=32, LABELS_PER_CLASS=2)
SMALL = DigitVideos(training_videos_per_class=3, test_videos_per_class=1)


def test_the_demo_is_the_command_distill_on_its_videos_and_goes_on_when_it_is_run_again(tmp_path, capsys, monkeypatch):
    for name, value in SMALLER.items():
        monkeypatch.setattr(f'kdtoolbox.cli.demo.{name}', value)
    out = distill_digits(tmp_path, videos=SMALL, teacher_steps=2, epochs=1)
    said = capsys.readouterr().out
    assert f'[3/3] kdtoolbox distill {tmp_path / "digits/videos"} --out {out} --labels' in said
    assert '30 to learn from (20 with a label), 10 held out' in said and f'{out / "report.html"}' in said
    table = said[said.rindex('top-1 accuracy') :]
    assert [row in table for row in ('student', 'teacher', 'baseline', 'chance')] == [True] * 4
    config = read_config(out / 'config.py')
    assert config.model.teacher.num_classes == 10 and config.model.teacher.model == f'torchvision.{TEACHER}'
    assert config.model.student.backbone.type == 'ImageStem3D' and config.model.terms.probe.loss.type == 'KLDivergence'
    assert load_student(out).learned_classes and (out / 'report.html').is_file()

    # The second time, only what it says in the end is made again.
    monkeypatch.setattr('kdtoolbox.cli.demo.train_teacher', None)
    monkeypatch.setattr('kdtoolbox.runner.distilled_run.train', None)
    assert distill_digits(tmp_path, videos=SMALL, epochs=1) == out
    with pytest.raises(ValueError, match='is a student of videos with other settings .*: name another --work-dir'):
        distill_digits(tmp_path, videos=replace(SMALL, seed=1))


def test_few_training_videos_have_a_label_and_all_test_videos(tmp_path):
    database = json.loads(write_few_labels(tmp_path, SMALL, labels_per_class=1).read_text())['database']
    labelled = {subset: [] for subset in ('training', 'validation')}
    for name, entry in database.items():
        if 'annotations' in entry:
            assert name.startswith(f'{entry["annotations"]["label"]}/')
            labelled[entry['subset']].append(name)
    assert len(database) == 40 and {subset: len(names) for subset, names in labelled.items()} == {
        'training': 10,
        'validation': 10,
    }
