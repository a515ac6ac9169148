"""The choice of a checkpoint by quick validation and by the full test."""

import pytest

from benchmarks.quick_validation import choice, shorten, text
from kdtoolbox.config_files.reading import read_config
from tests.conftest import REPOSITORY


def rows(*pairs):
    return [
        {'checkpoint': f'epoch_{number}', 'quick': {'acc/top1': quick}, 'full': {'acc/top1': full}}
        for number, (quick, full) in enumerate(pairs, start=1)
    ]


def test_what_each_keeps_and_what_the_choice_costs():
    found = choice(rows((0.1, 0.2), (0.6, 0.5), (0.5, 0.7)), 'acc/top1')
    assert (found['quick_keeps'], found['full_keeps']) == ('epoch_2', 'epoch_3')
    assert (found['full_of_quick_choice'], found['full_of_full_choice']) == (0.5, 0.7)
    assert found['rank_correlation'] == pytest.approx(0.5)


def test_the_first_of_equal_checkpoints_is_kept_and_equal_numbers_have_no_rank():
    found = choice(rows((0.5, 0.4), (0.5, 0.6)), 'acc/top1')
    assert found['quick_keeps'] == 'epoch_1' and found['rank_correlation'] is None
    assert 'in full 40.0 and 60.0; rank correlation –' in text(
        {'rows': rows((0.5, 0.4), (0.5, 0.6)), 'choices': {'acc/top1': found}}
    )


def test_a_shorter_training_has_shorter_schedules():
    config = read_config(REPOSITORY / 'configs/kd_r2d_to_r3d_hmdb51.py')
    shorten(config, 12)
    warmup, cosine = config.param_scheduler
    assert config.train_cfg.max_epochs == 12
    assert (warmup.begin, warmup.end) == (0, 1)
    assert (cosine.begin, cosine.end, cosine.T_max) == (1, 12, 11)
