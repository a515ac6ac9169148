"""How long a training will take, measured on a few of its own steps."""

import time
from dataclasses import dataclass

import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.registry import DefaultScope
from mmengine.runner import Runner

from kdtoolbox.isolation import untouched_randomness
from kdtoolbox.registry import MODELS

WARM_UP, MEASURED = 2, 4  # steps


@dataclass(frozen=True)
class StepTime:
    """Seconds of a training step, and of looking at one clip without training.

    Args:
        step: decoding included.
        clip: likewise, in a validation.
    """

    step: float
    clip: float

    def training(self, *, epochs: int, steps_per_epoch: int) -> float:
        """Seconds of so many epochs."""
        return epochs * steps_per_epoch * self.step


def measure_step_time(config: Config) -> StepTime:
    """Run a few steps of a training in a model of its own, which is thrown away.

    Args:
        config: of the training.
    """
    with untouched_randomness(), DefaultScope.overwrite_default_scope('kdtoolbox'):
        batches = Runner.build_dataloader(config.train_dataloader.to_dict(), seed=0)
        model = MODELS.build(config.model.to_dict()).to(get_device()).train()
        optimizer = torch.optim.SGD([one for one in model.parameters() if one.requires_grad], lr=0.0)
        seconds, forward = [], []
        start = time.monotonic()
        for number, data in zip(range(WARM_UP + MEASURED), _endless(batches)):
            losses = model(**model.data_preprocessor(data, training=True), mode='loss')
            total, _ = model.parse_losses(losses)
            optimizer.zero_grad()
            total.backward()
            optimizer.step()
            _wait()
            now = time.monotonic()
            if number >= WARM_UP:
                seconds.append(now - start)
            start = now
        model.eval()
        with torch.no_grad():
            inputs = model.data_preprocessor(data, training=True)['inputs']
            start = time.monotonic()
            model.student(inputs, mode='tensor', stage='head')
            _wait()
            forward.append((time.monotonic() - start) / len(inputs))
    return StepTime(sum(seconds) / len(seconds), forward[0])


def in_words(seconds: float) -> str:
    """A length of time for people.

    >>> in_words(50), in_words(600), in_words(8000)
    ('50 s', '10 min', '2.2 h')
    """
    if seconds < 90:
        return f'{seconds:.0f} s'
    return f'{seconds / 60:.0f} min' if seconds < 5400 else f'{seconds / 3600:.1f} h'


def _endless(batches):
    while True:
        yield from batches


def _wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
