from types import SimpleNamespace

import pytest
from mmengine.runner import Runner

from kdtoolbox.engine import PreflightHook, preflight
from kdtoolbox.registry import MODELS
from tests.tiny import run_config


def config_of(loss: str, work_dir='unused', **model):
    """A training without labels whose one term compares features."""
    terms = dict(pairs=dict(loss=dict(type=loss), student='features', teacher='features', student_connector='auto'))
    return run_config(work_dir, epochs=1, terms=terms, use_labels=False, **model)


def check(*, loss='SimilarityPreserving', batch_size=4, length=8, sampler='DefaultSampler', drop_last=False, **term):
    """What the hook says to a training on ``length`` clips."""
    config = config_of(loss)
    if 'student_view' in term:
        config.model.student_view = term.pop('student_view')
    config.model.terms.pairs.update(term)
    loader = dict(config.train_dataloader, batch_size=batch_size, drop_last=drop_last,
                  sampler=dict(type=sampler, shuffle=True), dataset=dict(type='TinyClips', length=length))
    PreflightHook().before_train(SimpleNamespace(model=MODELS.build(config.model),
                                                 train_dataloader=Runner.build_dataloader(loader)))


def test_a_relational_loss_at_batch_1_is_refused_before_the_first_step(tmp_path):
    config = config_of('SimilarityPreserving', tmp_path)
    config.train_dataloader.batch_size = 1
    config.experiment_name = 'batch of one'
    runner = Runner.from_cfg(config)
    with pytest.raises(ValueError, match=r"term 'pairs': SimilarityPreserving compares.* needs 2 or more, but a batch "
                                         r'has 1 in each of 1 process.*set a larger train_dataloader.batch_size'):
        runner.train()
    assert runner.iter == 0


def test_the_clips_of_all_processes_count(monkeypatch):
    monkeypatch.setattr(preflight, 'get_world_size', lambda: 2)
    check(batch_size=1)


def test_a_last_batch_that_is_too_small_is_refused_unless_it_is_dropped():
    with pytest.raises(ValueError, match='the last batch of an epoch has 1 .*set train_dataloader.drop_last=True'):
        check(length=9)
    check(length=9, drop_last=True)
    check(length=9, sampler='InfiniteSampler')
    check(length=10)


def test_a_loss_of_single_clips_may_have_batches_of_one():
    check(loss='L2', batch_size=1)


def test_statistics_over_vectors_need_three_clips_in_each_process_and_over_maps_one(monkeypatch):
    monkeypatch.setattr(preflight, 'get_world_size', lambda: 2)
    with pytest.raises(ValueError, match=r"term 'pairs': PKD takes statistics .* needs 3 or more in each process, but the "
                                         'last batch of an epoch has 1: set train_dataloader.drop_last=True'):
        check(loss='PKD', length=9)
    check(loss='PKD', length=9, drop_last=True)
    unknown = dict(student_view=None, student_connector=dict(type='LinearProjection', in_channels=32, out_channels=8))
    with pytest.raises(ValueError, match='PKD takes .* or clip_shape'):
        check(loss='PKD', length=9, **unknown)
    pool = [dict(type='TemporalAlign'), 'auto']
    check(loss='PKD', length=9, student='backbone.layer3', teacher='layer2', student_connector=pool)
