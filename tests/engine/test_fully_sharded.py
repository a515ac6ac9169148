"""What is a block of a fully sharded student, and what is refused; trainings are in test_two_processes.py."""

from types import SimpleNamespace

import pytest
import torch
from mmengine.hooks import EMAHook
from mmengine.optim import OptimWrapper, OptimWrapperDict

from kdtoolbox.engine.ema_teacher import EMATeacherHook
from kdtoolbox.engine.fully_sharded import FullyShardedStudent, ShardingHook, blocks_of
from kdtoolbox.registry import MODELS
from tests import tiny


@pytest.fixture
def model():
    return MODELS.build(tiny.distiller_config(teacher=None, terms={}))


def test_blocks_are_those_of_the_backbone_or_of_the_classes_that_are_named(model):
    assert [type(block).__name__ for block in blocks_of(model)] == ['BasicBlock3d'] * 4
    assert blocks_of(model, ['I3DHead']) == [model.student.cls_head]
    transformer = MODELS.build(tiny.transformer_config())
    assert blocks_of(transformer) == list(transformer.backbone.blocks)


def test_classes_that_the_student_has_not_are_said_with_those_that_it_has(model):
    with pytest.raises(ValueError, match=r"no module of the classes \['Block'\]; it has .*'BasicBlock3d'"):
        blocks_of(model, ['Block'])


@pytest.mark.parametrize(
    'weight, message',
    [
        (torch.ones(()), 'single is a single number, which torch does not shard. Take another loss'),
        (torch.ones(2, 3).t(), 'single is not contiguous, as channels_last=True makes it'),
    ],
)
def test_a_weight_that_torch_cannot_shard_is_named(weight, message):
    network = torch.nn.Module()
    network.single = torch.nn.Parameter(weight)
    with pytest.raises(ValueError, match=message):
        FullyShardedStudent(network).shard(torch.optim.SGD(network.parameters(), lr=1.0))


def test_a_torch_that_cannot_shard_on_the_device_is_named(model, monkeypatch):
    monkeypatch.setattr('kdtoolbox.engine.fully_sharded.can_shard_on', lambda device: device != 'cpu')
    with pytest.raises(ValueError, match=r"torch [\d.]+\S* cannot shard on the device 'cpu': train on GPUs"):
        FullyShardedStudent(model).shard(torch.optim.SGD(model.parameters(), lr=1.0))


@pytest.mark.parametrize(
    'hook, message', [(EMAHook(), 'EMAHook averages whole weights'), (EMATeacherHook(), 'EMATeacherHook averages')]
)
def test_averages_and_games_are_refused(model, hook, message):
    wrapped = FullyShardedStudent(model)
    wrapper = OptimWrapper(torch.optim.SGD(model.parameters(), lr=1.0))
    with pytest.raises(ValueError, match=message):
        ShardingHook().before_train(SimpleNamespace(hooks=[hook], model=wrapped, optim_wrapper=wrapper))
    with pytest.raises(ValueError, match='for one optimizer'):
        game = OptimWrapperDict(student=wrapper)
        ShardingHook().before_train(SimpleNamespace(hooks=[], model=wrapped, optim_wrapper=game))
