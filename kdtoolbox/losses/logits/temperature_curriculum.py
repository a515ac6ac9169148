"""Curriculum temperature, Li et al., AAAI 2023, arXiv:2211.16231."""

import math
from collections.abc import Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from kdtoolbox.losses.shared.option_checks import checked_temperature
from kdtoolbox.losses.shared.wrapped_loss import call, with_inputs_of
from kdtoolbox.method_card import from_paper
from kdtoolbox.registry import MODELS, register_loss


def adversarial_temperature(
    theta: Tensor, *, temperature_start: float, temperature_range: float, strength: float
) -> Tensor:
    """``temperature_start + temperature_range * sigmoid(theta)``, its gradient reversed and multiplied by ``strength``.

    So the same optimizer step reduces the student's loss and moves the temperature to increase it. In the authors' code
    the strength has the opposite sign: it goes from 0 to -1.

    >>> theta = torch.zeros((), requires_grad=True)
    >>> temperature = adversarial_temperature(theta, temperature_start=1., temperature_range=20., strength=0.5)
    >>> temperature.backward()
    >>> temperature.item(), theta.grad  # the slope of 20 sigmoid at 0 is 5
    (11.0, tensor(-2.5000))
    """
    temperature = temperature_start + temperature_range * theta.sigmoid()
    return temperature.detach() - strength * (temperature - temperature.detach())


def curriculum_strength(progress: float, *, ramp_share: float) -> float:
    """Strength of the gradient reversal: from 0 to 1 by a cosine until ``ramp_share`` of the training, then 1.

    >>> [round(curriculum_strength(progress, ramp_share=0.2), 3) for progress in (0., 0.1, 0.2, 1.)]
    [0.0, 0.5, 1.0, 1.0]
    """
    return (1 - math.cos(math.pi * min(progress / ramp_share, 1.0))) / 2


@from_paper('Li et al., AAAI 2023, arXiv:2211.16231', weight='0.9 around KL, beside 0.1 of the cross-entropy')
@register_loss(needs=('logits', 'learned parts'), min_classes=2, checked_against=('ctkd',))
class TemperatureCurriculum(nn.Module):
    """A loss with a learned adversarial temperature, see :func:`adversarial_temperature`.

    The global temperature of CTKD: one number, learned with the student. With standardized logits:
    ``LogitStandardization(loss=dict(type='TemperatureCurriculum', loss=...))``.

    Args:
        loss: config, without temperature, of a loss of logits that has one.
        temperature_start: the lowest temperature (tau_init in the paper).
        temperature_range: the highest minus the lowest temperature (tau_range; ``t_end`` in the authors' code).
        ramp_share: share of the training in which the strength of the reversed gradient rises from 0 to 1.

    Raises:
        ValueError: the loss has no temperature or is given one, or a number is out of range.
    """

    def __init__(
        self,
        *,
        loss: Mapping,
        temperature_start: float = 1.0,
        temperature_range: float = 20.0,
        ramp_share: float = 10 / 240,
    ) -> None:
        super().__init__()
        if 'temperature' in loss:
            raise ValueError(
                f'the loss has temperature={loss["temperature"]}, but here it is learned: leave it out, '
                'and set temperature_start and temperature_range'
            )
        self.loss = MODELS.build(dict(loss))
        if not hasattr(self.loss, 'temperature'):
            raise ValueError(
                f'{type(self.loss).__name__} has no temperature to learn: wrap a loss of logits that has '
                'one, such as KLDivergence or DKD'
            )
        if not 0 < ramp_share <= 1:
            raise ValueError(f'ramp_share {ramp_share}: expected above 0 and at most 1, a share of the training')
        self.temperature_start = checked_temperature(temperature_start)
        self.temperature_range = checked_temperature(temperature_range)
        self.ramp_share = ramp_share
        self.theta = nn.Parameter(torch.ones(()))
        self.forward = with_inputs_of(self.loss, self.forward)  # type: ignore[method-assign]  # see there

    def forward(self, student: Tensor, teacher: Tensor, progress: float, **extra) -> Tensor:
        temperature = adversarial_temperature(
            self.theta,
            temperature_start=self.temperature_start,
            temperature_range=self.temperature_range,
            strength=curriculum_strength(progress, ramp_share=self.ramp_share),
        )
        with _temperature_of(self.loss, temperature):
            value = call(self.loss, student, teacher, {'progress': progress, **extra})
        # Without any label in the batch the value is 0 for every temperature; DDP still needs a gradient of theta.
        return value + 0 * temperature


@contextmanager
def _temperature_of(loss: nn.Module, temperature: Tensor):
    kept, loss.temperature = loss.temperature, temperature
    try:
        yield
    finally:
        loss.temperature = kept
