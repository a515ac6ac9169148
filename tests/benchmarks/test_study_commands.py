"""The commands of docs/students.md and docs/leaderboard.md: a study and a contest on a few small videos."""

import json
import re

import pytest
import torch
import torchvision

from tests.videos import write_video

GROUPS = (8, 13, 14, 17, 18, 21, 22)  # of UCF-101: one to test on, and two of each three that are held out in turn


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Two classes of seven videos, the lists of them, and weights for MobileNetV2."""
    folder = tmp_path_factory.mktemp('study')
    lines = {'train': [], 'test': []}
    for label, name in enumerate(('Jump', 'Run')):
        for group in GROUPS:
            clip = f'{name}/v_{name}_g{group:02}_c01.avi'
            write_video(folder / 'videos' / clip, seed=label, num_frames=24)
            lines['test' if group == GROUPS[0] else 'train'].append(f'{clip} {label + 1}')
    for part, texts in lines.items():
        (folder / f'{part}.txt').write_text('\n'.join(texts) + '\n')
    torch.manual_seed(0)
    network = torchvision.models.mobilenet_v2()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():
        network(torch.rand(4, 3, 96, 96))  # with other statistics than these its features vanish in half precision
    torch.save(network.state_dict(), folder / 'mobilenet_v2.pth')
    return folder


@pytest.fixture
def short(students, monkeypatch):
    """Trainings of one epoch."""
    training = students('training')
    train = training.train

    def of_an_epoch(student, row, *arguments, **options):
        return train(student, row.but(epochs=1), *arguments, **options)

    monkeypatch.setattr(training, 'train', of_an_epoch)


@pytest.fixture
def store(students, folder):
    """The views of the videos, stored once."""
    lists = ['--train-list', str(folder / 'train.txt'), '--test-list', str(folder / 'test.txt')]
    videos, weights = str(folder / 'videos'), str(folder / 'mobilenet_v2.pth')
    options = ['--views', '1', '--more', '--work-dir', str(folder / 'stored')]
    students('study').main(['store', '--root', videos, *lists, '--weights', weights, *options])
    return str(folder / 'stored')


def page_with(tables, folder):
    """A page with the places of these tables."""
    page = folder / 'page.md'
    page.write_text(
        ''.join(
            f'<!-- {name}: written by render of benchmarks/students -->\n<!-- end of {name} -->\n' for name in tables
        )
    )
    return page


def test_a_study_is_stored_run_counted_and_rendered(students, short, store, tmp_path, monkeypatch):
    study, out = students('study'), tmp_path / 'students.json'
    where = ['--work-dir', store, '--out', str(out)]
    study.main(['run', 'targets', 'curve', '--rows', 'VideoMean', 'all labels', '--seeds', '0', *where])
    study.main(['run', 'pixels_few', '--rows', 'R3D', '--seeds', '0', *where])
    results = json.loads(out.read_text())
    runs = [row['runs']['0'] for rows in results['experiments'].values() for row in rows.values()]
    assert len(runs) == 1 + 3 + 2 and all(sum(run['precision']) > 0 for run in runs)
    costs = students('costs')
    monkeypatch.setattr(costs, 'NUM_TIMED', 1)
    monkeypatch.setattr(costs, 'WITH_COSTS', ('shorter',))
    study.main(['costs', '--out', str(out)])
    assert len(json.loads(out.read_text())['costs']) == len(students('rows').experiments()['shorter'].rows)
    page = page_with(results['experiments'], tmp_path)
    study.main(['render', '--out', str(out), '--page', str(page), '--figure', str(tmp_path / 'curve.svg')])
    assert '| features of the video, its running mean (VideoMean) | 1 | ' in page.read_text()
    assert (tmp_path / 'curve.svg').is_file()


METHODS = {'few': 'kl_divergence', 'all': 'l2', 'label-free': 'video_mean', 'maps': 'hint'}


@pytest.mark.parametrize('regime, network', [*((regime, '') for regime in METHODS), ('label-free', 'c3d')])
def test_a_contest_is_run_and_rendered(students, short, store, tmp_path, monkeypatch, regime, network):
    method = METHODS[regime]
    contest = students('contest')
    monkeypatch.setattr(contest, 'RESULTS', tmp_path)
    options = ['--factors', '1', '--seeds', '0', *(['--network', network] if network else [])]
    contest.main(['run', '--regime', regime, '--methods', method, *options, '--work-dir', store, '--jobs', '2'])
    results = json.loads(contest.results_of(regime, network).read_text())
    assert all('error' not in run for one in results['methods'].values() for run in one['runs'].values())
    page = page_with([f'contest {regime} {network}'.strip()], tmp_path)
    contest.main(['render', '--page', str(page)])
    assert re.search(rf'\| {method} \| × 1(, warm-up)? \| 1 \| ', page.read_text())
