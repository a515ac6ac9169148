"""Several CPU processes with gloo do what one process does with the same global batch, and agree with one another.

What is equal to one process: everything, where no batch norm normalises by the clips of one process: with synced batch
norm (``sync_bn='torch'``), frozen statistics or group norm. With plain batch norm each process normalises by its own
clips, which is another training; then the processes are equal to one another, weights and statistics, and what training
validated is what ``tools/test.py`` finds in the checkpoint.
"""

from pathlib import Path

import pytest
import torch

from kdtoolbox.cli.catalogue import entries
from kdtoolbox.engine.fully_sharded import can_shard_on
from kdtoolbox.method_card import OF_THE_WHOLE_BATCH
from kdtoolbox.runner.training import build_runner
from kdtoolbox.safe_files import load_safely
from tests.conftest import REPOSITORY
from tests.engine import scenarios
from tests.engine.launched import train_here
from tests.forked import call
from tests.tiny import run_config, student_config
from tests.torchrun import torchrun
from tests.two_processes import in_two_processes

AS_ONE = scenarios.AS_ONE
ALIKE = [name for name in scenarios.SCENARIOS if name.startswith('batch norm')]
TOLERANCE = 1e-9  # of a whole run in float64, see scenarios.in_float64
FOUR = ['batch norm, 5 videos']
TRAIN = str(REPOSITORY / 'tools/train.py')


def run_training(tmp_path, name: str, *, processes: int, dies: bool = False) -> dict:
    """The last checkpoint of a training; one in which a process dies is started by torchrun's agent."""
    config = run_config(
        tmp_path / name, epochs=2, batch_size=4 // processes, student=student_config(norm='GN')
    )  # batch norm sees one process's samples, group norm one's
    config.custom_imports = dict(imports=['tests.tiny', 'tests.engine.launched'])
    if dies:
        config.custom_hooks.append(dict(type='DiesHook'))
        config.log_level = 'INFO'
    config.dump(file := tmp_path / 'config.py')
    if dies:
        words = [f'--nproc-per-node={processes}', '--max-restarts=1', TRAIN, str(file), '--launcher', 'pytorch']
        done = call(torchrun, words, folder=tmp_path, cwd=REPOSITORY, CUDA_VISIBLE_DEVICES='')
        assert done.returncode == 0, done.stderr[-9000:]
    elif processes == 1:
        build_runner(config).train()
    else:
        in_two_processes(train_here, tmp_path)
    return load_safely(tmp_path / name / 'epoch_2.pth', what='checkpoint')


@pytest.fixture(scope='module')
def checkpoints(tmp_path_factory) -> tuple[dict, dict]:
    folder = tmp_path_factory.mktemp('processes')
    return run_training(folder, 'one', processes=1), run_training(folder, 'two', processes=2)


@pytest.fixture(scope='module')
def done(tmp_path_factory) -> dict[int, dict[str, list[dict]]]:
    return scenarios.run({2: [*AS_ONE, *ALIKE], 4: FOUR}, tmp_path_factory.mktemp('processes'))


def assert_close(one: dict, other: dict, where: str, *, tolerance: float) -> None:
    assert one.keys() == other.keys(), where
    for name in one:
        torch.testing.assert_close(
            one[name],
            other[name],
            atol=tolerance,
            rtol=10 * tolerance,
            msg=lambda text, name=name: f'{where}: {name}: {text}',
        )


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
    assert_close(*(checkpoint['state_dict'] for checkpoint in checkpoints), 'torchrun', tolerance=1e-5)


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


def test_when_one_process_dies_the_others_end_and_torchrun_restarts_all_to_the_end_of_one_without_a_death(
    checkpoints, tmp_path
):
    again = run_training(tmp_path, 'again', processes=2, dies=True)
    told = [tmp_path / f'again/process_{rank}' for rank in range(2)]
    assert not any(Path(f'/proc/{file.read_text()}').exists() for file in told)
    first, second = sorted((tmp_path / 'again').glob('*/*.log'))
    assert second.parent.stat().st_ctime - told[1].stat().st_mtime < 90
    assert 'resumed epoch: 1, iter: 2' in second.read_text() and 'resumed' not in first.read_text()
    assert_close(checkpoints[1]['state_dict'], again['state_dict'], 'restarted', tolerance=0)


@pytest.mark.parametrize('name', AS_ONE)
def test_without_statistics_of_one_process_two_are_as_one_with_all_clips(name, done, tmp_path):
    """For training without labels too, though the head gets no gradient, for both players, peers and averages, and
    where the loss is NaN in one of the processes.
    """
    alone = scenarios.carry_out(name, tmp_path)
    assert alone['iterations'] == done[2][name][0]['iterations'] > 0
    for result in done[2][name]:
        assert_close(alone['model'], result['model'], name, tolerance=TOLERANCE)
        assert alone['averages'].keys() == result['averages'].keys()
        for teacher, average in alone['averages'].items():
            assert_close(average, result['averages'][teacher], f'{name}, average', tolerance=TOLERANCE)
        for metric, value in alone['validated'].items():
            assert value == pytest.approx(result['validated'][metric], abs=1e-6), metric
        # The batch that has the clip, in each of two epochs, of each process.
        assert len(alone['left_out']) == 2 * ('NaN' in name) and len(result['left_out']) == 4 * ('NaN' in name)
    parts = {
        'adversarial': 'discriminator.',
        'mutual': 'peers.twin.',
        'gathering losses': 'criterion.terms.crd.',
    }
    for key, prefix in parts.items():
        assert key not in name or any(tensor.startswith(prefix) for tensor in alone['model'])


@pytest.mark.skipif(not can_shard_on('cpu'), reason='this torch shards on GPUs alone')
def test_fully_sharded_each_process_keeps_its_half_and_the_checkpoint_is_as_ever(done, tmp_path):
    """One process goes on from it, without the wrapper, to where the sharded training ended."""
    name = 'synced batch norm, fully sharded'
    assert all(0.45 < result['share'] < 0.55 for result in done[2][name]) and done[2][AS_ONE[0]][0]['share'] == 1
    sharded = done[2][name][0]
    config = scenarios.scenario(name, tmp_path, processes=1)
    config.model_wrapper_cfg = None
    config.resume, config.load_from = True, str(Path(sharded['checkpoint']).with_name('epoch_1.pth'))
    with scenarios.in_float64():
        build_runner(config).train()
    alone = load_safely(tmp_path / 'epoch_2.pth', what='checkpoint')
    assert_close(alone['state_dict'], sharded['saved'], name, tolerance=TOLERANCE)
    momenta = [
        {str(number): state['momentum_buffer'] for number, state in optimizer['state'].items()}
        for optimizer in (alone['optimizer'], sharded['optimizer'])
    ]
    assert_close(*momenta, f'{name}, momentum', tolerance=TOLERANCE)


def test_every_loss_that_has_the_whole_batch_is_among_the_terms():
    """PKD and SemCKD compare the clips of one process."""
    tested = {term['loss']['type'] for term in scenarios.gathering_terms().values()}
    cards = {entry.name: entry.card for entry in entries('losses') if entry.source == 'kdtoolbox'}
    has_the_batch = {name for name, card in cards.items() if OF_THE_WHOLE_BATCH & set(card.needs)}
    assert has_the_batch - tested == {'PKD', 'SemCKD'}


@pytest.mark.parametrize('name', [*AS_ONE, *ALIKE])
def test_processes_end_with_one_network_which_is_the_one_that_is_saved_and_tested(name, done):
    assert_alike(done[2][name], name)


@pytest.mark.parametrize('name', FOUR)
def test_more_processes_than_clips_for_a_batch_agree_too(name, done):
    assert len(done[4][name]) == 4
    assert_alike(done[4][name], name)
