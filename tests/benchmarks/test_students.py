"""The study of students on stored views: its splits, targets, trainings and tables."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torchvision.models import mobilenet_v2

from kdtoolbox.safe_files import load_safely, save_aside
from tests.conftest import REPOSITORY

LAYER, CHANNELS, SIDE = 'features.13', 96, 7


@pytest.fixture
def views(students):
    """Two classes whose maps and teacher features differ, 13 groups to learn from, 2 to test on."""
    numbers = np.random.default_rng(0)
    names = [f'C{label}/v_C{label}_g{group:02}_c01' for label in (0, 1) for group in range(11, 26)]
    labels = torch.tensor([label for label in (0, 1) for _ in range(11, 26)])
    groups = torch.tensor([group for _ in (0, 1) for group in range(11, 26)])
    shift = labels.numpy().reshape(-1, 1, 1, 1, 1, 1)

    def maps(count):
        noise = numbers.random((30, count, CHANNELS, 4, SIDE, SIDE), np.float32)
        return {LAYER: (noise + shift * (np.arange(CHANNELS) % 2).reshape(-1, 1, 1, 1)).astype(np.float16)}

    signal = labels.view(-1, 1, 1, 1) * torch.linspace(0, 3, 1280)
    return students('views_cache').Views(
        names=names,
        labels=labels,
        classes=['C0', 'C1'],
        groups=groups,
        is_test=groups < 13,
        training=maps(3),
        evaluation=maps(1),
        teacher=torch.rand(30, 3, 2, 1280) + signal,
        teacher_evaluation=torch.rand(30, 1, 2, 1280) + signal,
        classifier=(torch.randn(1000, 1280) / 36, torch.zeros(1000)),
    )


@pytest.fixture
def folder(tmp_path):
    save_aside(mobilenet_v2().state_dict(), tmp_path / 'image_network.pth')
    return tmp_path


def test_every_training_video_is_held_out_once_and_no_test_video_ever(students, views):
    splits = [students('splits').split_of(views, seed=seed, on_test=False, labels_per_class=2) for seed in range(3)]
    held_out = torch.cat([split.queries for split in splits])
    assert sorted(held_out.tolist()) == (~views.is_test).nonzero().flatten().tolist()
    for split in splits:
        assert not views.is_test[split.training].any()
        assert not set(split.training.tolist()) & set(split.queries.tolist())
        assert [int((split.labels == label).sum()) for label in (0, 1)] == [2, 2]
        assert (split.labels[split.queries] == -1).all()
    test = students('splits').split_of(views, seed=0, on_test=True, labels_per_class=None)
    assert views.is_test[test.queries].all() and len(test.training) == 26


def test_targets_are_of_the_view_or_of_the_video_and_whitened_ones_have_variance_one(students, views):
    targets, split = students('targets'), students('splits').split_of(views, seed=0, on_test=True, labels_per_class=0)
    video = targets.teacher_features(views, split, of='video', form='plain')
    assert torch.allclose(video[4, 2], views.teacher[4].mean((0, 1)), atol=1e-5)
    both = targets.teacher_features(views, split, of='both', form='plain')
    assert torch.allclose(both[4, 2], (video[4, 2] + views.teacher[4, 2].mean(0)) / 2, atol=1e-5)
    whitened = targets.teacher_features(views, split, of='view', form='whitened')[split.training].flatten(0, 1)
    assert torch.allclose(whitened.mean(0), torch.zeros(64), atol=1e-2)
    assert torch.allclose(whitened.var(0), torch.ones(64), atol=5e-2)


def test_a_student_learns_from_the_teacher_and_both_are_judged_on_the_same_queries(students, views, folder):
    training, rows = students('training'), students('rows')
    random, learned, teacher, labelled = (
        training.run(views, row, seed=1, on_test=True, folder=folder)
        for row in (
            rows.LABEL_FREE.but(terms={}),
            rows.LABEL_FREE.but(epochs=2, ema=True),
            rows.FEW.but(is_teacher=True),
            rows.FEW.but(epochs=2, target_of='both'),
        )
    )
    assert (
        random['queries']
        == learned['queries']
        == teacher['queries']
        == [name for name, is_test in zip(views.names, views.is_test.tolist()) if is_test]
    )
    assert np.mean(learned['precision']) > np.mean(random['precision'])
    assert teacher['hit'] == teacher['right'] == [1, 1, 1, 1]
    assert 'right' not in learned and len(labelled['right']) == 4


def test_average_precision_is_that_computed_by_hand(students):
    gallery, there = torch.tensor([[1.0, 0.0], [1.0, 0.2], [0.0, 1.0]]), torch.tensor([0, 1, 0])
    value = students('scores').average_precision(torch.tensor([[1.0, 0.0]]), torch.tensor([0]), gallery, there)
    assert value.item() == pytest.approx((1 / 1 + 2 / 3) / 2)


def test_intervals_are_of_the_difference_and_wider_if_clips_of_a_recording_go_together(students):
    intervals = students('intervals')
    names = [f'A/v_A_g{number:02}_c{clip:02}' for number in range(20) for clip in (1, 2)]
    same = intervals.interval_of({'0': [0.25] * 40}, {'0': names})
    assert (same.value, same.low, same.high, same.is_tie) == (0.25, 0.25, 0.25, False)
    together = intervals.interval_of({'0': [1.0, 1.0, 0.0, 0.0] * 10}, {'0': names})
    apart = intervals.interval_of({'0': [1.0, 0.0] * 20}, {'0': names})
    assert apart.high == apart.low == 0.5 and together.low < 0.4 < 0.6 < together.high


def test_what_was_run_is_not_run_again_and_the_contest_lists_what_fails(
    students, views, folder, monkeypatch, capsys, tmp_path
):
    contest, parallel, training = students('contest'), students('parallel'), students('training')
    calls = []

    def run(views, row, *, seed, on_test, folder):
        calls.append((seed, on_test))
        if any(term['loss']['type'] == 'DKD' for term in row.terms.values()):
            raise ValueError('no such luck')
        weight = next((term['weight'] for term in row.terms.values()), 1)
        return {
            'queries': views.names[:2],
            'right': [1, int(weight > 1)],
            'hit': [1, 0],
            'precision': [0.5, 0.5],
            'seconds': 1.0,
        }

    monkeypatch.setattr(parallel, 'run', run)
    for name, student, teacher, loss in (
        ('kl_divergence', 'logits', 'logits', 'KLDivergence'),
        ('dkd', 'logits', 'logits', 'DKD'),
        ('review_kd', 'backbone.layer4', 'layer4', 'ReviewKD'),
    ):
        term = dict(student=student, teacher=teacher, loss=dict(type=loss))
        (tmp_path / f'{name}.py').write_text(f'model = dict(type="Distiller", terms=dict(one={term}))')
    monkeypatch.setattr(contest, 'CONFIGS', tmp_path)
    methods = contest.methods_of(['dkd', 'kl_divergence'], 30)
    for _ in range(2):
        machine = parallel.Machine(folder)
        contest.contest(views, methods, factors=(1, 10), seeds=(0, 1), machine=machine, out=tmp_path / 'out.json')
    assert calls.count((0, False)) == 1 + 2 * 2 and len(calls) == 5 + 2 * 2
    results = json.loads((tmp_path / 'out.json').read_text())
    assert results['methods']['kl_divergence']['factor'] == '10'
    table = students('contest_tables').contest_tables(results)['contest few']
    assert '| kl_divergence | × 10 | 2 | 100.0 ± 0.0 |' in table and 'dkd: ValueError: no such luck' in table
    assert 'review_kd' in table  # needs maps
    assert training.fits(methods['kl_divergence'].terms)


def test_each_weight_is_searched_with_and_without_a_warm_up(students):
    search, row = students('contest_search'), students('rows').LABEL_FREE
    plain = row.but(terms={'kd': dict(weight=2.0, loss=dict(type='L2'))})
    warm = row.but(terms={'kd': dict(weight=2.0, loss=dict(type='DKD'), weight_schedule=[(0, 0), (0.5, 1)])})
    keys = search.keys_of(plain, (0.1, 1), warm_ups=True)
    assert keys == ['0.1', '1', '0.1, other start', '1, other start']
    assert search.keys_of(row.but(terms={}), (0.1, 1), warm_ups=True) == ['1']
    starts = {
        (name, key): search.with_weight(one, key).terms['kd'].get('weight_schedule')
        for name, one in (('plain', plain), ('warm', warm))
        for key in ('0.1', '0.1, other start')
    }
    assert starts == {
        ('plain', '0.1'): None,
        ('plain', '0.1, other start'): search.WARM_UP,
        ('warm', '0.1'): [(0, 0), (0.5, 1)],
        ('warm', '0.1, other start'): None,
    }
    assert search.with_weight(plain, '0.1, other start').terms['kd']['weight'] == pytest.approx(0.2)
    words = [search.weight_of(one.terms, key) for one in (plain, warm) for key in ('0.1', '0.1, other start')]
    assert words == ['× 0.1', '× 0.1, warm-up', '× 0.1, warm-up', '× 0.1']


def test_a_wider_search_that_finds_a_better_weight_has_it_judged_again(students, views, folder, monkeypatch, tmp_path):
    contest, parallel = students('contest'), students('parallel')

    def run(views, row, *, seed, on_test, folder):
        term = next(iter(row.terms.values()), {})
        value = term.get('weight', 0) + bool(term.get('weight_schedule'))
        return {'queries': views.names[:1], 'right': [0], 'hit': [0], 'precision': [value], 'seconds': 1.0}

    monkeypatch.setattr(parallel, 'run', run)
    methods = contest.methods_of(['kl_divergence'], 30, epochs=3)
    assert {row.epochs for row in methods.values()} == {3}
    options = dict(factors=(1,), machine=parallel.Machine(folder), out=tmp_path / 'out.json', epochs=3)
    contest.contest(views, methods, seeds=(0, 1), **options)
    contest.contest(views, methods, seeds=(0,), warm_ups=True, **options)
    results = json.loads((tmp_path / 'out.json').read_text())
    assert results['methods']['kl_divergence']['factor'] == '1, other start'
    assert list(results['methods']['kl_divergence']['runs']) == ['0']
    table = students('contest_tables').contest_tables(results)['contest few 3 epochs']
    assert '| kl_divergence | × 1, warm-up | 1 | ' in table and 'trainings of 3 epochs' in table
    with pytest.raises(ValueError, match='has trainings with --epochs 3, not None'):
        contest.contest(views, methods, seeds=(0,), **(options | dict(epochs=None)))


def test_views_on_a_device_and_several_processes_give_the_numbers_of_mapped_views_in_one(students, views, folder):
    contest, parallel = students('contest'), students('parallel')
    rows = contest.methods_of(['kl_divergence', 'video_mean', 'frame_wise'], 30)
    tasks = [
        parallel.Task(name, 'search', '1', row.but(epochs=1, last_layer=LAYER), 0, on_test=False)
        for name, row in rows.items()
    ]

    def found(views, jobs):
        ended = parallel.outcomes(tasks, views, parallel.Machine(folder, jobs=jobs))
        numbers = {task.method: measured for task, measured, seconds in ended}
        return {name: {**measured, 'seconds': 0} for name, measured in sorted(numbers.items())}

    alone = found(views, jobs=1)
    assert all(measured['precision'] for measured in alone.values())
    assert alone == found(views, jobs=2) == found(views.on('cpu', [LAYER]), jobs=1)
    assert isinstance(views.on('cpu', [LAYER]).training[LAYER], torch.Tensor)


@pytest.mark.parametrize(
    'name',
    ['targets', 'shorter', 'student', 'weights', 'pixels', 'pixels_few', 'few', 'curve', 'epochs', 'runner'],
)
def test_the_tables_of_the_page_are_those_of_the_results(students, name):
    results = json.loads((REPOSITORY / 'benchmarks/results/students.json').read_text())
    assert students('tables').tables_of(results)[name] in (REPOSITORY / 'docs/students.md').read_text()


CONTESTS = sorted((REPOSITORY / 'benchmarks/results').glob('students_contest_*.json'))


@pytest.mark.parametrize('file', CONTESTS, ids=[file.stem.removeprefix('students_contest_') for file in CONTESTS])
def test_a_contest_on_the_page_is_that_of_the_results(students, file):
    ((name, table),) = students('contest_tables').contest_tables(json.loads(file.read_text())).items()
    page = (REPOSITORY / 'docs/leaderboard.md').read_text()
    assert f'<!-- {name}: ' in page and table in page


def test_without_labels_the_contest_has_the_methods_on_features_alone(students):
    methods = students('contest').methods_of(None, 30, 'label-free')
    assert methods['no teacher'].labels_per_class == 0 and not methods['no teacher'].terms
    assert {'cosine', 'video_mean', 'seed', 'frame_wise'} <= methods.keys()
    assert not {'kl_divergence', 'dkd', 'soft_cross_entropy'} & methods.keys()


def test_a_network_from_pixels_takes_the_place_of_the_image_stem_in_every_row(students):
    contest = students('contest')
    methods = contest.methods_of(['kl_divergence'], 30, 'few', 'c3d')
    assert [(row.network, row.last_layer) for row in methods.values()] == [('c3d', 'pixels')] * 2
    assert methods['no teacher'].labels_per_class == 3 and not methods['no teacher'].terms
    assert contest.results_of('label-free', 'c3d').name == 'students_contest_label_free_c3d.json'
    with pytest.raises(ValueError, match='--network c3d has none'):
        contest.methods_of(['hint'], 30, 'maps', 'c3d')


def test_the_contest_of_inner_maps_has_the_methods_on_them_and_those_to_compare_with(students):
    contest = students('contest')
    names = ('review_kd', 'srrl', 'sem_ckd', 'kl_divergence', 'fsp', 'dkd')
    methods = {name: contest.row_of(contest.CONFIGS / f'{name}.py', 30, 'maps') for name in names}
    assert [name for name, row in methods.items() if row is None] == ['fsp', 'dkd']
    review = methods['review_kd'].terms['review_kd']
    assert review['student'] == ['backbone.top.0', 'backbone.top.1', 'backbone.top.2']
    assert review['teacher'] == ['features.6', 'features.13', 'features.17']
    assert methods['srrl'].terms['srrl']['teacher'] == 'features.18'  # what the classifier averages
    assert methods['sem_ckd'].terms['sem_ckd']['loss']['batch_size'] == 8


def test_terms_on_inner_maps_get_the_teachers_maps_at_the_students_size(students, views, folder):
    contest, training = students('contest'), students('training')
    numbers = np.random.default_rng(1)
    maps = {'features.18': numbers.random((30, 3, 1280, 2, 5, 5), np.float32)}
    views = replace(
        views, teacher_maps=maps, training={'features.6': numbers.random((30, 3, 32, 4, 14, 14), np.float32)}
    )
    views = replace(views, evaluation={'features.6': views.training['features.6'][:, :1]})
    row = contest.methods_of(['catkd'], 30, 'maps')['catkd'].but(epochs=1)
    split = students('splits').split_of(views, seed=0, on_test=True, labels_per_class=3)
    shown = training.Answers(views, row, split, folder, 'maps')(torch.tensor([5]), torch.tensor([2]))['features.18']
    assert shown.shape == (1, 1280, 2, 2, 2)
    assert torch.allclose(shown[0, 0, :, 0, 0], torch.from_numpy(maps['features.18'][5, 2, 0, :, :3, :3]).mean((1, 2)))
    assert np.mean(training.run(views, row, seed=0, on_test=True, folder=folder)['precision']) > 0


@pytest.mark.parametrize('name', ['r3d', 'r2plus1d', 'c3d'])
def test_students_of_pixels_give_their_features_and_logits(students, name):
    row = students('rows').LABEL_FREE.but(network=name, last_layer='pixels')
    student = students('student').Student(row, 2, {}).eval()
    with torch.no_grad():
        dark, light = (student(torch.full((1, 3, 8, 112, 112), value)) for value in (0.0, 255.0))
    assert dark['features'].shape == (1, 128) and dark['logits'].shape == (1, 2)
    assert not torch.allclose(dark['features'], light['features'])
    assert 'network' not in students('rows').FEW.plain()  # results of rows without one keep their settings


@pytest.mark.parametrize('name', ['stem_trained', 'tsm', 'inflated'])
def test_students_of_image_weights_learn_them_at_a_rate_of_their_own(students, folder, name):
    training = students('training')
    row = students('rows').LABEL_FREE.but(network=name, last_layer='pixels', image_rate=0.1)
    weights = load_safely(folder / 'image_network.pth', what='the image network')
    student = students('student').Student(row, 2, weights)
    groups = training.parameter_groups(student, nn.Linear(1, 1), row)
    slow = [one for group in groups if group['lr'] == pytest.approx(row.learning_rate / 10) for one in group['params']]
    assert sum(map(torch.numel, slow)) == sum(map(torch.numel, student.with_image_weights())) > 0
    assert sum(len(group['params']) for group in groups) == len(list(student.parameters())) + 2
    clip = torch.rand(2, 3, 8, 112, 112) * 255
    student.eval()
    with torch.no_grad():
        features = student(clip)['features']
        image = students('image_students').loaded(weights).eval()
        frames = student.top[0](clip).transpose(1, 2).flatten(0, 1)
        alone = image.features(frames).unflatten(0, (2, 8)).mean((1, 3, 4))
    differences = (features - alone).abs().amax() / alone.abs().amax() if name in ('tsm', 'inflated') else None
    if name == 'inflated':  # before it learns, it computes the same of every frame
        assert differences < 1e-4
    elif name == 'tsm':
        assert differences > 1e-3
    student.train()
    assert all(not module.training for module in student.top.modules() if isinstance(module, nn.BatchNorm2d))


def test_more_is_stored_only_beside_the_very_views_that_are_there(students, views, folder, monkeypatch):
    cache, decoding = students('views_cache'), students('decoding')
    views = replace(views, names=views.names[:1], teacher=torch.ones(1, 1, 2, 1280))
    clip = torch.full((1, 3, 8, 160, 160), 100.0)
    monkeypatch.setattr(cache, 'load_views', lambda folder: views)
    monkeypatch.setattr(cache, 'decoded', lambda source: [decoding.Decoded(0, 0, {}, False, clip, clip)])
    weights = str(folder / 'image_network.pth')
    with pytest.raises(ValueError, match='view 0 of C0/v_C0_g11_c01 is another one'):
        cache.store_more(folder, None, weights=weights)
    teacher = decoding.teacher_of(weights)
    frames = teacher.view.render(clip).transpose(1, 2)
    views.teacher[0, 0] = teacher.outputs_of_frames(frames)['frame_features'][0]
    cache.store_more(folder, None, weights=weights)
    assert np.load(folder / 'teacher_features.17.npy').shape == (1, 1, 320, 2, 5, 5)
    assert (np.load(folder / 'training_pixels.npy') == 100).all()
