"""The contest of methods, on a few tiny videos and for two steps."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.runner import set_random_seed

from kdtoolbox.registry import MODELS
from tests.conftest import REPOSITORY

TERM = "dict(student='logits', teacher='logits', loss=dict(type={loss!r}))"
METHOD = 'model = dict(type="Distiller", teacher=dict(type={teacher!r}), terms=dict(one={term}))'
SMALL = """_base_ = [{base!r}]
training_videos_per_class, test_videos_per_class, teacher_steps, batch_size, labelled_clips = 4, 2, 1, 4, 2
"""


@pytest.fixture
def folder(tmp_path):
    """Method configs: KD, another that works, one that fails when it is built, one of another teacher."""
    configs = tmp_path / 'configs'
    configs.mkdir()
    for name, loss, teacher in (
        ('kl_divergence', 'KLDivergence', 'ImageTeacher'),
        ('l2', 'L2', 'ImageTeacher'),
        ('broken', 'NoSuchLoss', 'ImageTeacher'),
        ('mars', 'L2', 'RecognizerTeacher'),
    ):
        (configs / f'{name}.py').write_text(METHOD.format(teacher=teacher, term=TERM.format(loss=loss)))
    (tmp_path / 'small.py').write_text(SMALL.format(base=str(REPOSITORY / 'benchmarks/methods_config.py')))
    marks = '<!-- written by benchmarks/methods.py --render -->\nold\n<!-- end -->'
    (tmp_path / 'page.md').write_text(f'above\n{marks}\nbelow\n')
    return tmp_path


def arguments(folder, *more):
    return [
        '--configs',
        str(folder / 'configs'),
        '--settings',
        str(folder / 'small.py'),
        '--steps',
        '2',
        '--work-dir',
        str(folder / 'work'),
        '--out',
        str(folder / 'out.json'),
        '--page',
        str(folder / 'page.md'),
        *more,
    ]


def test_every_method_is_on_the_board_or_listed_with_its_error_and_a_second_call_runs_only_what_failed(
    benchmark, folder, capsys
):
    contest = benchmark('methods')
    contest.main(arguments(folder, '--seeds', '0'))
    methods = json.loads((folder / 'out.json').read_text())['methods']
    assert set(methods) == {'no teacher', 'kl_divergence', 'l2', 'broken', 'mars'}
    for name in ('no teacher', 'kl_divergence', 'l2'):
        run = methods[name]['runs']['0']
        assert 0 <= run['top1'] <= 1 and 0 <= run['retrieval1'] <= 1
        assert run['step_ratio'] > 0 and run['memory_mib'] >= 0
        assert (run['gradient_share'] > 0) == (name != 'no teacher')
    assert 'NoSuchLoss' in methods['broken']['runs']['0']['error']
    assert 'RecognizerTeacher' in methods['mars']['error']
    assert '[4/4]' in capsys.readouterr().out

    contest.main(arguments(folder, '--seeds', '0'))
    told = capsys.readouterr().out
    assert '[1/1] broken, seed 0' in told
    assert json.loads((folder / 'out.json').read_text())['methods']['l2'] == methods['l2']

    contest.main(arguments(folder, '--render'))
    page = (folder / 'page.md').read_text()
    assert page.startswith('above\n') and page.endswith('below\n') and 'old' not in page
    assert '| l2 | L2 |' in page and '| broken | 0 | KeyError' in page and '| mars | all | not run' in page

    with pytest.raises(ValueError, match='results of other settings'):
        contest.main([*arguments(folder), '--steps', '3'])


def test_all_methods_get_the_same_clips_half_of_them_labelled(benchmark):
    data = benchmark('methods_data')
    config = Config.fromfile(REPOSITORY / 'benchmarks/methods_config.py')
    videos = np.random.default_rng(0).integers(0, 256, (60, 24, 64, 64, 3), dtype=np.uint8)
    labels = np.arange(60) % 10
    first, second, other = (data.TrainingClips(videos, labels, config=config, seed=seed) for seed in (0, 0, 1))
    np.random.rand(3)
    assert len(first) == config.steps * config.batch_size
    assert (first[7]['inputs'] == second[7]['inputs']).all()
    assert any(not (first[index]['inputs'] == other[index]['inputs']).all() for index in range(4))
    batch_labels = [int(first[index]['data_samples'].gt_labels.item) for index in range(config.batch_size)]
    assert [label >= 0 for label in batch_labels] == [True] * config.labelled_clips + [False] * (
        config.batch_size - config.labelled_clips
    )


def test_the_student_starts_from_the_same_weights_whatever_parts_a_method_makes_around_it(benchmark):
    one_run = benchmark('methods_run')
    config = Config.fromfile(REPOSITORY / 'benchmarks/methods_config.py')
    term = dict(
        student='features',
        teacher='features',
        loss=dict(type='L2'),
        student_connector=dict(type='LinearProjection', in_channels=64, out_channels=128),
    )
    starts = []
    for terms in ({}, {'l2': term}):
        set_random_seed(0)
        model = MODELS.build(one_run.model_of(config, {'terms': terms, 'use_labels': True}))
        model.init_weights()
        drawn = model.student.backbone.layer4[0].conv1.conv.weight.clone()
        one_run.Trained(one_run.student_start(config, 0), halfway=1).before_train(SimpleNamespace(model=model))
        starts.append((drawn, model.student.backbone.layer4[0].conv1.conv.weight))
    assert not torch.equal(starts[0][0], starts[1][0])
    assert torch.equal(starts[0][1], starts[1][1])


def test_differences_are_means_over_the_seeds_that_both_have(benchmark):
    def row(terms, *top1):
        return {
            'terms': terms,
            'runs': {
                str(seed): dict(
                    top1=value, retrieval1=0.5, gradient_share=0.25, step_ratio=1.5, memory_mib=10.0, seconds=60
                )
                for seed, value in enumerate(top1)
            },
        }

    results = {
        'settings': {'config': Config.fromfile(REPOSITORY / 'benchmarks/methods_config.py').to_dict()},
        'versions': {'torch': '2'},
        'device': 'CPU',
        'threads': 1,
        'jobs': 2,
        'teacher': {'top1': 0.9, 'retrieval1': 0.95},
        'methods': {
            'no teacher': row({}, 0.2, 0.4),
            'kl_divergence': row({'kd': {'loss': {'type': 'KLDivergence'}}}, 0.5, 0.5),
            'dkd': row({'dkd': {'loss': {'type': 'DKD'}}}, 0.6),
        },
    }
    lines = benchmark('methods_board').leaderboard(results).splitlines()
    assert lines[-3:] == [
        '| dkd | DKD | 60.0 | 50.0 | +40.0 | +10.0 | × 1.50 | 10 | 25 % |',
        '| kl_divergence | KLDivergence | 50.0 ± 0.0 | 50.0 ± 0.0 | +20.0 ± 14.1 | – | × 1.50 | 10 | 25 % |',
        '| no teacher | – | 30.0 ± 14.1 | 50.0 ± 0.0 | – | -20.0 ± 14.1 | × 1.50 | 10 | – |',
    ]


def test_sizes_of_the_data_set_replace_those_of_the_config(benchmark, tmp_path):
    (tmp_path / 'crd.py').write_text(
        METHOD.format(
            teacher='ImageTeacher', term="dict(loss=dict(type='CRD', num_samples=3570, student_channels='auto'))"
        )
    )
    method = benchmark('methods').method_of(tmp_path / 'crd.py', {'num_samples': 800})
    assert method == {
        'terms': {'one': {'loss': {'type': 'CRD', 'num_samples': 800, 'student_channels': 'auto'}}},
        'use_labels': True,
    }


def test_a_run_whose_process_dies_is_an_error_and_the_others_go_on(benchmark, monkeypatch):
    contest = benchmark('methods')
    monkeypatch.setattr(contest, '_run_and_send', lambda sender, seed: sender.send(seed) if seed else exit(3))
    assert dict(contest.run_in_processes([(0,), (7,)], 2)) == {0: {'error': 'its process ended with 3'}, 1: 7}
