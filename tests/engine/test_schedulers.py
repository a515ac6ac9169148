"""A run that was interrupted goes on with the rate and momentum that it had, whatever schedule they follow."""

import pytest
import torch
from mmengine.evaluator import BaseMetric
from mmengine.model import BaseDataPreprocessor, BaseModel
from mmengine.optim.scheduler import __all__ as names
from torch import nn

from kdtoolbox.registry import METRICS, MODELS
from kdtoolbox.runner.training import build_runner
from tests.engine.test_runs import assert_same
from tests.tiny import run_config

EPOCHS, STEPS = 4, 8
OPTIONS = {  # name without what it changes -> arguments
    'Constant': dict(factor=0.5, end=3),
    'CosineAnnealing': dict(T_max=EPOCHS),
    'CosineRestart': dict(periods=[1, 3], restart_weights=[1.0, 0.5], eta_min=0.001),
    'Exponential': dict(gamma=0.7),
    'Linear': dict(start_factor=0.1, end=3),
    'MultiStep': dict(milestones=[1, 3], gamma=0.3),
    'OneCycle': dict(total_steps=STEPS, eta_max=0.05),
    'Poly': dict(power=2.0, eta_min=0.001, end=EPOCHS),
    'ReduceOnPlateau': dict(monitor='odd', rule='greater', patience=0, threshold=9.0),
    'Step': dict(step_size=2, gamma=0.3),
}
KINDS = [name for name in names if name.endswith(('LR', 'Momentum'))]


@MODELS.register_module(force=True)
class Line(BaseModel):
    """Learns one weight of each pixel's mean."""

    def __init__(self) -> None:
        super().__init__(BaseDataPreprocessor())
        self.layer = nn.Linear(4, 1)

    def forward(self, inputs, data_samples, mode='tensor'):
        values = self.layer(torch.stack([clip.float().mean((0, 1, 3, 4)) for clip in inputs]) / 255)
        return dict(loss=(values - 1).square().mean()) if mode == 'loss' else data_samples


@METRICS.register_module(force=True)
class OddMetric(BaseMetric):
    """A score that does not get better, for schedules that wait for one."""

    def process(self, data_batch, data_samples):
        self.results += [0] * len(data_samples)

    def compute_metrics(self, results):
        return dict(odd=1.0)


def trained(folder, schedules, **options):
    config = run_config(folder, epochs=EPOCHS)
    config.model = dict(type='Line')
    config.param_scheduler = schedules
    config.val_evaluator = config.test_evaluator = [dict(type='OddMetric')]
    config.custom_hooks = [dict(type='EpochSeedHook'), dict(type='PlainCheckpointHook')]
    config.default_hooks = dict(
        checkpoint=dict(type='CheckpointHook', interval=1), validate_on_resume=dict(type='ValidateOnResumeHook')
    )
    config.experiment_name = f'{schedules[0]["type"]}-{folder.name}'
    config.merge_from_dict(options)
    runner = build_runner(config)
    runner.train()
    return runner


def state(runner):
    groups = [
        {name: value for name, value in group.items() if name != 'params'}
        for group in runner.optim_wrapper.param_groups
    ]
    return dict(runner.model.state_dict()), groups


@pytest.mark.parametrize('name', OPTIONS)
def test_resumed_in_the_middle_it_ends_as_without(name, tmp_path):
    schedule = dict(OPTIONS[name], by_epoch=name != 'OneCycle')
    schedules = [dict(schedule, type=kind) for kind in (f'{name}LR', f'{name}Momentum') if kind in KINDS]
    finished = state(trained(tmp_path / 'finished', schedules))
    checkpoint = str(tmp_path / 'finished/epoch_2.pth')
    resumed = state(trained(tmp_path / 'resumed', schedules, resume=True, load_from=checkpoint))
    assert_same(finished, resumed, name)


def test_every_schedule_of_mmengine_is_tried():
    assert {kind.removesuffix('LR').removesuffix('Momentum') for kind in KINDS} == OPTIONS.keys()


def test_the_schedules_do_something(tmp_path):
    before = run_config('x').optim_wrapper.optimizer.lr
    (group,) = state(trained(tmp_path / 'run', [dict(type='ExponentialLR', gamma=0.7)]))[1]
    assert group['lr'] == pytest.approx(before * 0.7 ** (EPOCHS - 1))
