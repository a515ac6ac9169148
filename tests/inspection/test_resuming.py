"""A training that goes on from a checkpoint with other settings."""

import pytest
from mmengine.config import Config

from kdtoolbox.cli.main import main
from kdtoolbox.inspection.resuming import differences, read_plain_config, resumed_otherwise
from tests.conftest import REPOSITORY
from tests.tiny import run_config


def found(change: dict, *, steps_now=2):
    """What is said of a training of two steps an epoch that goes on with ``change``."""
    then, now = run_config('unused'), run_config('unused')
    now.merge_from_dict(change)
    return list(resumed_otherwise(dict(epoch=3, iter=6, cfg=then.pretty_text), now.to_dict(), steps_now=steps_now))


@pytest.mark.parametrize('name', ['kd_r2d_to_r3d_hmdb51', 'anc_r2d_to_r3d_ucf101', 'finetune_r3d_hmdb51'])
def test_the_stored_text_of_a_config_is_read_as_it_was(name):
    config = Config.fromfile(REPOSITORY / f'configs/{name}.py')
    assert read_plain_config(config.pretty_text) == config.to_dict()


@pytest.mark.parametrize(
    'text',
    [
        None,
        '',
        'a = open("x")',
        'import os',
        'a = [x for x in ()]',
        'a.b = 1',
        '-' * 200_000,
        '"' * 7,
        "a = dict(**{'x': 1})",
    ],
)
def test_text_that_is_no_plain_config_is_not_read(text):
    assert not read_plain_config(text)


def test_the_same_settings_have_no_findings_whatever_the_machine():
    assert found({}) == []
    assert found({'train_dataloader.num_workers': 7, 'model.teacher.chunk_size': 8}) == []


@pytest.mark.parametrize(
    'change, words, is_error',
    [
        (
            {'optim_wrapper.optimizer.lr': 0.1},
            'optim_wrapper.optimizer.lr was 0.05, is 0.1: a resumed training goes on',
            True,
        ),
        ({'optim_wrapper.optimizer.type': 'Adam'}, "was 'SGD', is 'Adam'", True),
        ({'param_scheduler.0.T_max': 9}, 'param_scheduler.0.T_max was 4, is 9: the schedule stays', False),
        ({'model.terms.kd.weight': 2.0}, 'model.terms.kd.weight was None, is 2.0', False),
        ({'train_dataloader.dataset.length': 9}, 'train_dataloader.dataset.length was None, is 9', False),
    ],
)
def test_what_differs_is_named_and_what_would_not_count_refused(change, words, is_error):
    [finding] = found(change)
    assert words in finding.text and finding.is_error == is_error


def test_another_number_of_steps_is_refused():
    [finding] = found({}, steps_now=4)
    assert finding.is_error and 'an epoch has 4 steps, of the training that is resumed it had 2' in finding.text


@pytest.mark.parametrize('step, is_refused', [(2, False), (3, False), (4, False), (5, True), (1, True)])
def test_a_checkpoint_from_inside_the_second_epoch_of_two_steps_is_one_of_that_epoch(step, is_refused):
    config = run_config('unused')
    meta = dict(epoch=1, iter=step, interrupted=True, cfg=config.pretty_text)
    assert bool(list(resumed_otherwise(meta, config.to_dict(), steps_now=2))) == is_refused


def test_lists_and_tuples_are_alike_and_lengths_are_not():
    assert not dict(differences(dict(a=(1, [2])), dict(a=[1, (2,)])))
    assert dict(differences(dict(a=[1]), dict(a=[1, 2]))) == {'a': ([1], [1, 2])}


def test_resuming_with_another_rate_is_one_line_and_with_the_same_goes_on(tmp_path, capsys):
    config = run_config(tmp_path / 'run', epochs=1)
    config.custom_imports = dict(imports=['tests.tiny'])
    config.dump(tmp_path / 'config.py')
    command = ['train', str(tmp_path / 'config.py')]
    assert main(command) == 0
    capsys.readouterr()
    assert main([*command, '--resume', '--cfg-options', 'optim_wrapper.optimizer.lr=1']) == 2
    assert 'optim_wrapper.optimizer.lr was 0.05, is 1' in capsys.readouterr().err
    assert main([*command, '--resume', '--cfg-options', 'train_dataloader.batch_size=2']) == 2
    assert 'an epoch has 4 steps' in capsys.readouterr().err
    assert main([*command, '--resume', '--cfg-options', 'train_cfg.max_epochs=2']) == 0
    assert (tmp_path / 'run' / 'epoch_2.pth').is_file()
