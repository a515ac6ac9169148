"""A training with a validation of its own ends with one test of its best checkpoint by the full protocol."""

import copy
import json
import os
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.runner import Runner

from kdtoolbox.engine.full_test import FULL_TEST
from kdtoolbox.registry import HOOKS, METRICS
from kdtoolbox.runner.testing import test_student as run_test
from kdtoolbox.runner.training import train, validate_in_mixed_precision
from kdtoolbox.safe_files import load_safely, sha256_of
from tests.tiny import run_config, student_config
from tests.two_processes import in_two_processes

SCORES = [0.9, 0.4]  # of the two validations: the first is the best


@METRICS.register_module(force=True)
class ScriptedMetric(BaseMetric):
    """Gives the numbers that it is told, one a validation."""

    default_prefix = 'scripted'

    def __init__(self, scores: list[float]) -> None:
        super().__init__()
        self.scores = list(scores)

    def process(self, data_batch, data_samples):
        self.results.extend(data_samples)

    def compute_metrics(self, results):
        return {'top1': self.scores.pop(0)}


@HOOKS.register_module(force=True)
class KilledInTheTestHook(Hook):
    """Ends the run in the middle of a test, as a signal would."""

    def after_test_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        raise KeyboardInterrupt


def config_of(folder: Path, **changes) -> Config:
    config = run_config(folder, epochs=2, student=student_config(dropout=0.5))
    config.val_dataloader = copy.deepcopy(config.val_dataloader)
    config.val_dataloader.dataset.length = 4
    config.val_evaluator = [dict(type='ScriptedMetric', scores=SCORES)]
    config.default_hooks.checkpoint.update(save_best='scripted/top1', max_keep_ckpts=1)
    config.custom_hooks = [
        dict(type='EpochSeedHook'),
        dict(type='PlainCheckpointHook'),
        dict(type='FullTestHook'),
    ]
    config.experiment_name = f'full-{folder.name}'
    config.merge_from_dict(changes)
    return config


def written(folder: Path) -> dict:
    return json.loads((folder / FULL_TEST).read_text())


@pytest.fixture(scope='module')
def finished(tmp_path_factory) -> Path:
    from mmengine.registry import init_default_scope

    init_default_scope('kdtoolbox')
    folder = tmp_path_factory.mktemp('finished')
    train(config_of(folder))
    return folder


def test_the_best_checkpoint_is_tested_and_the_numbers_are_those_of_the_test_command(finished, tmp_path):
    metrics = written(finished)
    origin = metrics.pop('provenance')
    best = finished / 'best_scripted_top1_epoch_1.pth'
    assert (origin['checkpoint'], origin['sha256']) == (best.name, sha256_of(best))
    assert origin['protocol'] == '11 videos'
    config = config_of(tmp_path)
    config.custom_hooks = config.custom_hooks[:2]
    assert metrics == pytest.approx(run_test(config, str(best)))
    assert {'acc/top1', 'retrieval/top1'} <= metrics.keys()


def test_checkpoints_are_those_of_a_training_without_the_test(finished, tmp_path):
    config = config_of(tmp_path)
    config.custom_hooks = config.custom_hooks[:2]
    train(config)
    assert not (tmp_path / FULL_TEST).exists()
    assert {file.name for file in tmp_path.glob('*.pth')} == {file.name for file in finished.glob('*.pth')}
    one, other = (load_safely(folder / 'epoch_2.pth', what='checkpoint') for folder in (finished, tmp_path))
    assert all(torch.equal(value, other['state_dict'][name]) for name, value in one['state_dict'].items())


def test_a_run_that_is_killed_in_the_test_makes_up_for_it_when_it_is_resumed(finished, tmp_path):
    config = config_of(tmp_path)
    config.custom_hooks = [*config.custom_hooks, dict(type='KilledInTheTestHook')]
    with pytest.raises(KeyboardInterrupt):
        train(config)
    assert not (tmp_path / FULL_TEST).exists() and (tmp_path / 'epoch_2.pth').is_file()
    before = {file.name: sha256_of(file) for file in tmp_path.glob('*.pth')}
    for _ in range(2):  # the second time there is nothing left to do
        again = config_of(tmp_path, resume=True)
        again.experiment_name += '-again'
        train(again)
    assert {file.name: sha256_of(file) for file in tmp_path.glob('*.pth')} == before
    ours, theirs = written(tmp_path), written(finished)
    ours.pop('provenance'), theirs.pop('provenance')
    assert ours == theirs


def test_a_run_that_has_its_test_is_not_tested_again(finished, caplog):
    written_at = (finished / FULL_TEST).stat().st_mtime_ns
    config = config_of(finished, resume=True)
    config.custom_hooks = [*config.custom_hooks, dict(type='KilledInTheTestHook')]
    config.experiment_name += '-once-more'
    train(config)
    assert (finished / FULL_TEST).stat().st_mtime_ns == written_at


def test_where_no_checkpoint_is_chosen_the_last_is_tested(tmp_path):
    config = config_of(tmp_path)
    config.default_hooks.checkpoint.save_best = None
    train(config)
    assert written(tmp_path)['provenance']['checkpoint'] == 'epoch_2.pth'


def test_averages_of_the_weights_are_not_in_the_place_of_the_best(tmp_path):
    config = config_of(tmp_path)
    config.custom_hooks = [*config.custom_hooks, dict(type='EMAHook', momentum=0.3)]
    train(config)
    metrics = written(tmp_path)
    metrics.pop('provenance')
    plain = config_of(tmp_path / 'test')
    plain.custom_hooks = plain.custom_hooks[:2]
    assert metrics == pytest.approx(run_test(plain, str(tmp_path / 'best_scripted_top1_epoch_1.pth')))


def test_where_the_validation_is_the_test_there_is_no_second_one(tmp_path):
    config = config_of(tmp_path)
    config.val_dataloader, config.val_evaluator = config.test_dataloader, config.test_evaluator
    config.default_hooks.checkpoint.save_best = 'retrieval/top1'
    Runner.from_cfg(config).train()
    assert not (tmp_path / FULL_TEST).exists()


def test_metrics_of_a_classifier_that_is_not_trained_are_left_out(tmp_path):
    config = config_of(tmp_path)
    config.model.use_labels = False
    train(config)
    assert 'acc/top1' not in written(tmp_path) and 'retrieval/top1' in written(tmp_path)


def train_here(rank: int, processes: int) -> None:
    """One of the processes that train ``config.py`` of the current folder."""
    os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=str(processes))
    config = Config.fromfile('config.py')
    config.launcher = 'pytorch'
    train(config)


def test_two_processes_write_what_one_does(tmp_path):
    files = {}
    for processes in (1, 2):
        config = run_config(tmp_path / f'{processes}', epochs=1, batch_size=4 // processes)
        config.model.student = student_config(norm='GN')
        config.val_dataloader = copy.deepcopy(config.val_dataloader)
        config.val_dataloader.dataset.length = 6
        config.custom_hooks = [dict(type='EpochSeedHook'), dict(type='PlainCheckpointHook'), dict(type='FullTestHook')]
        if processes == 1:
            train(config)
        else:
            config.custom_imports = dict(imports=['tests.tiny'])
            config.dump(tmp_path / 'config.py')
            in_two_processes(train_here, tmp_path)
        files[processes] = written(tmp_path / f'{processes}')
        assert files[processes].pop('provenance')['checkpoint'].startswith('best_retrieval_top1')
    assert files[1] == pytest.approx(files[2])


def test_validation_is_in_mixed_precision_where_the_training_is_and_the_test_is_not():
    config = Config(dict(val_cfg=dict(type='ValLoop'), test_cfg=dict(type='TestLoop')))
    validate_in_mixed_precision(config)
    assert config.val_cfg.fp16 and 'fp16' not in config.test_cfg
    told = Config(dict(val_cfg=dict(type='ValLoop', fp16=False)))
    validate_in_mixed_precision(told)
    assert told.val_cfg.fp16 is False
