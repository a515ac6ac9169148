"""The log has the numbers that mmengine's own hook gives it, read for many steps at once."""

import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook

from kdtoolbox.engine import LoggedNumbersHook
from kdtoolbox.engine.logged_numbers import _read
from kdtoolbox.registry import HOOKS
from kdtoolbox.runner.training import build_runner
from tests.conftest import REPOSITORY
from tests.tiny import run_config

SECONDS = {'train/time', 'train/data_time', 'val/time', 'val/data_time'}  # which no two runs share


@HOOKS.register_module(force=True)
class ReadsHook(Hook):
    """Notes how many steps were in the history after each step."""

    priority = 'LOWEST'

    def before_train(self, runner):
        self.known = []

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        history = runner.message_hub.log_scalars.get('train/loss')
        self.known.append(0 if history is None else len(history.data[0]))


def histories(tmp_path, runtime_info: str) -> tuple[dict, list[int]]:
    config = run_config(tmp_path / runtime_info, epochs=1, batch_size=2)
    config.experiment_name = f'{runtime_info}-{tmp_path}'.replace('/', '_')
    config.train_dataloader.dataset.length = 10
    config.optim_wrapper.clip_grad = dict(max_norm=0.5)
    config.default_hooks.update(
        runtime_info=dict(type=runtime_info), logger=dict(type='LoggerHook', interval=3), reads=dict(type='ReadsHook')
    )
    runner = build_runner(config)
    runner.train()
    scalars = {name: buffer.data[0].tolist() for name, buffer in runner.message_hub.log_scalars.items()}
    hook = next(hook for hook in runner.hooks if isinstance(hook, ReadsHook))
    return {name: values for name, values in scalars.items() if name not in SECONDS}, hook.known


def test_the_history_is_mmengines_and_is_read_when_a_line_is_logged_and_at_the_end_of_the_epoch(tmp_path):
    plain, known_each_step = histories(tmp_path, 'RuntimeInfoHook')
    ours, known = histories(tmp_path, 'LoggedNumbersHook')
    assert ours == plain and {'train/grad_norm', 'train/loss', 'train/top1_acc'} <= ours.keys()
    assert len(ours['train/loss']) == len(ours['train/grad_norm']) == 5
    assert known_each_step == [1, 2, 3, 4, 5] and known == [0, 0, 3, 3, 5]


def test_the_shipped_runtime_has_it():
    hooks = Config.fromfile(REPOSITORY / 'configs/_base_/default_runtime.py').default_hooks
    assert hooks.runtime_info.type == LoggedNumbersHook.__name__


@pytest.mark.parametrize('value', [torch.tensor(1.5), torch.tensor([1.5], dtype=torch.float16), 1.5])
def test_tensors_of_one_number_and_plain_numbers_are_taken(value):
    assert _read([dict(a=value), dict(a=value, b=2)]) == [dict(a=1.5), dict(a=1.5, b=2)]
