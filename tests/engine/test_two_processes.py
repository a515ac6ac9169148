"""Several CPU processes with gloo do what one process does with the same global batch, and agree with one another.

What is equal to one process: everything, where no batch norm normalises by the batch (group norm, frozen statistics).
With batch norm each process normalises by its own clips, which is another training; then the processes are equal to one
another, weights and statistics, and what training validated is what ``tools/test.py`` finds in the checkpoint.
"""

import subprocess
import sys

import pytest
import torch

from kdtoolbox.safe_files import load_safely
from tests.conftest import REPOSITORY
from tests.engine import scenarios
from tests.tiny import run_config, student_config

AS_ONE = [
    'frozen statistics',
    'label-free',
    'adversarial',
    'mutual',
    'gathering losses',
    'frozen stages',
    'accumulating',
]
ALIKE = [name for name in scenarios.SCENARIOS if name.startswith('batch norm')]
FOUR = ['batch norm, 5 videos']


def run_training(tmp_path, name: str, *, processes: int) -> dict:
    config = run_config(
        tmp_path / name, epochs=2, batch_size=4 // processes, student=student_config(norm='GN')
    )  # batch norm sees one process's samples, group norm one's
    config.custom_imports = dict(imports=['tests.tiny'])
    file = tmp_path / f'{name}.py'
    config.dump(file)
    launcher = (
        [] if processes == 1 else ['-m', 'torch.distributed.run', '--standalone', f'--nproc-per-node={processes}']
    )
    arguments = [str(file), *(['--launcher', 'pytorch'] if processes > 1 else [])]
    done = subprocess.run(
        [sys.executable, *launcher, str(REPOSITORY / 'tools/train.py'), *arguments],
        cwd=REPOSITORY,
        env={**_environment(), 'PYTHONPATH': str(REPOSITORY)},
        timeout=240,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-9000:]
    return load_safely(tmp_path / name / 'epoch_2.pth', what='checkpoint')


def _environment() -> dict:
    import os

    return {**os.environ, 'OMP_NUM_THREADS': '1', 'CUDA_VISIBLE_DEVICES': ''}


@pytest.fixture(scope='module')
def checkpoints(tmp_path_factory) -> tuple[dict, dict]:
    folder = tmp_path_factory.mktemp('processes')
    return run_training(folder, 'one', processes=1), run_training(folder, 'two', processes=2)


@pytest.fixture(scope='module')
def two(tmp_path_factory) -> dict[str, list[dict]]:
    return scenarios.run([*AS_ONE, *ALIKE], tmp_path_factory.mktemp('two'), processes=2)


@pytest.fixture(scope='module')
def four(tmp_path_factory) -> dict[str, list[dict]]:
    return scenarios.run(FOUR, tmp_path_factory.mktemp('four'), processes=4)


def assert_close(one: dict, other: dict, where: str) -> None:
    assert one.keys() == other.keys(), where
    for name in one:
        torch.testing.assert_close(one[name], other[name], atol=1e-5, rtol=1e-4, msg=f'{where}: {name}')


def assert_alike(results: list[dict], where: str) -> None:
    """The processes have the same networks and metrics, and those are what was saved and is tested."""
    for other in results[1:]:
        for left, right in (
            (results[0]['model'], other['model']),
            *((average, other['averages'][name]) for name, average in results[0]['averages'].items()),
        ):
            assert left.keys() == right.keys()
            assert all(torch.equal(left[name], right[name]) for name in left), where
    for result in results:
        assert all(torch.equal(result['model'][name], value) for name, value in result['saved'].items()), where
        assert result['tested'].keys() >= result['validated'].keys() and 'retrieval/top1' in result['validated']
        for name, value in result['validated'].items():  # without labels, training leaves accuracies out
            assert value == pytest.approx(result['tested'][name], abs=1e-6), (where, name)


def test_the_weights_agree(checkpoints):
    assert_close(*(checkpoint['state_dict'] for checkpoint in checkpoints), 'torchrun')


def test_the_metrics_agree_though_the_sampler_pads(checkpoints):
    scalars = [
        {
            name: value['HistoryBuffer'][0]
            for name, value in checkpoint['message_hub']['log_scalars'].items()
            if name.startswith('val/') and 'time' not in name
        }
        for checkpoint in checkpoints
    ]
    assert scalars[0].keys() == scalars[1].keys() and 'val/retrieval/top1' in scalars[0]
    for name in scalars[0]:
        assert scalars[0][name] == pytest.approx(scalars[1][name]), name


@pytest.mark.parametrize('name', AS_ONE)
def test_without_statistics_of_the_batch_two_processes_are_as_one_with_all_clips(name, two, tmp_path):
    """For training without labels too, though the head gets no gradient, and for both players, peers and averages."""
    alone = scenarios.carry_out(name, tmp_path)
    assert alone['iterations'] == two[name][0]['iterations'] > 0
    for result in two[name]:
        assert_close(alone['model'], result['model'], name)
        assert alone['averages'].keys() == result['averages'].keys()
        for teacher, average in alone['averages'].items():
            assert_close(average, result['averages'][teacher], f'{name}, average')
        for metric, value in alone['validated'].items():
            assert value == pytest.approx(result['validated'][metric], abs=1e-6), metric
    parts = {
        'adversarial': 'discriminator.',
        'mutual': 'peers.twin.',
        'gathering losses': 'criterion.terms.standardized.',
    }
    for key, prefix in parts.items():
        assert key not in name or any(tensor.startswith(prefix) for tensor in alone['model'])


@pytest.mark.parametrize('name', [*AS_ONE, *ALIKE])
def test_processes_end_with_one_network_which_is_the_one_that_is_saved_and_tested(name, two):
    assert_alike(two[name], name)


@pytest.mark.parametrize('name', FOUR)
def test_more_processes_than_clips_for_a_batch_agree_too(name, four):
    assert len(four[name]) == 4
    assert_alike(four[name], name)
