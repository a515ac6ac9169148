"""Helpers of losses that wrap another loss: passing on its further inputs, such as labels."""

from collections.abc import Callable, Mapping
from functools import partial
from inspect import Parameter, Signature, signature

from torch import Tensor, nn


def extra_inputs(loss: nn.Module) -> tuple[str, ...]:
    """The parameters of ``loss`` other than student and teacher.

    >>> class NeedsLabels(nn.Module):
    ...     def forward(self, student, teacher, labels): ...
    >>> extra_inputs(NeedsLabels())
    ('labels',)
    """
    return tuple(signature(loss.forward).parameters)[2:]


def with_inputs_of(loss: nn.Module, forward: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """``forward(student, teacher, ..., **extra)`` with the parameters of the wrapped ``loss`` in its signature.

    The criterion finds the inputs of a loss by the signature of its ``forward``; that of a wrapper depends on the
    wrapped loss.

    >>> from kdtoolbox.losses import DKD, KLDivergence, LogitStandardization
    >>> [extra_inputs(LogitStandardization(loss=dict(type=loss))) for loss in (DKD, KLDivergence)]
    [('labels',), ()]
    """
    own = [
        parameter for parameter in signature(forward).parameters.values() if parameter.kind is not Parameter.VAR_KEYWORD
    ]
    known = {parameter.name for parameter in own}
    inner = [
        parameter for parameter in list(signature(loss.forward).parameters.values())[2:] if parameter.name not in known
    ]
    asking = partial(forward)
    vars(asking)['__signature__'] = Signature(own + inner)
    return asking


def call(loss: nn.Module, student: Tensor, teacher: Tensor, available: Mapping) -> Tensor:
    """Call ``loss(student, teacher)`` with those available inputs that are parameters of it."""
    return loss(student, teacher, **{name: available[name] for name in extra_inputs(loss)})
