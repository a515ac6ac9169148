"""A line of progress goes by time, not by batches."""

import re

import pytest

from kdtoolbox.runner.training import build_runner
from tests.tiny import run_config


@pytest.mark.parametrize('seconds, expected', [(0, ['1', '2']), (3600, [])])
def test_a_slow_evaluation_says_how_far_it_is(tmp_path, monkeypatch, seconds, expected):
    config = run_config(tmp_path)
    config.test_dataloader.dataset.length = 9  # three batches of four; behind the last one nothing is left
    config.default_hooks.logger.interval = 50
    config.custom_hooks = [dict(type='EvaluationProgressHook', seconds_between_lines=seconds)]
    runner, lines = build_runner(config), []
    monkeypatch.setattr(runner.logger, 'info', lambda message, *_: lines.append(str(message)))
    runner.test()
    found = [re.fullmatch(r'evaluating: (\d) of 3 batches, about 0 min left', line) for line in lines]
    assert [match[1] for match in found if match] == expected


def test_experiments_of_the_original_schema_and_all_configs_have_it():
    from mmengine.config import Config

    from kdtoolbox.cli.experiment import template_of
    from tests.conftest import REPOSITORY

    configs = [template_of('r3d'), Config.fromfile(REPOSITORY / 'configs/kd_r2d_to_r3d_hmdb51.py')]
    assert all('EvaluationProgressHook' in [hook['type'] for hook in config['custom_hooks']] for config in configs)
