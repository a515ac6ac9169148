"""The line that says that training waits for its data."""

from types import SimpleNamespace

import pytest
from mmengine.logging import MessageHub

from kdtoolbox.engine import data_time
from kdtoolbox.registry import HOOKS


class Loader:
    num_workers = 1

    def __len__(self):
        return 5


@pytest.fixture
def run(request, monkeypatch):
    """Runs passes of steps, each (data_time, time); returns what was logged."""
    monkeypatch.setattr(data_time.os, 'sched_getaffinity', lambda _: set(range(6)), raising=False)
    said = []
    hub = MessageHub.get_instance(request.node.name)
    runner = SimpleNamespace(message_hub=hub, train_dataloader=Loader(), logger=SimpleNamespace(warning=said.append))

    def go(*steps, **options):
        hook = HOOKS.build(dict(type='DataTimeHook', **options))
        hook.before_train(runner)
        for number, (waited, took) in enumerate(steps):
            hub.update_scalar('train/data_time', waited)
            hub.update_scalar('train/time', took)
            hook.after_train_iter(runner, number)
        return said

    return go


def test_waiting_for_more_than_a_twentieth_of_a_pass_is_one_line_with_the_remedy(run):
    (line,) = run(*[(0.3, 1.0)] * 20)
    assert '30% of the time' in line and 'num_workers=6 (1 now' in line and 'prepare reencode' in line


def test_a_fast_loader_and_the_first_step_are_not_worth_a_line(run):
    assert run((50.0, 60.0), *[(0.04, 1.0)] * 19) == []


def test_a_pass_is_judged_as_a_whole(run):
    assert run((0, 1), *[(0.0, 1.0)] * 3, (0.19, 1.0)) == []
    assert len(run((0, 1), *[(0.0, 1.0)] * 3, (0.21, 1.0))) == 1


def test_the_share_can_be_set_and_must_be_one(run):
    assert run(*[(0.3, 1.0)] * 20, max_share=0.5) == []
    with pytest.raises(ValueError, match='max_share=0'):
        HOOKS.build(dict(type='DataTimeHook', max_share=0))
