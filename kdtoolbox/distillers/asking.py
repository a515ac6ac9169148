"""Giving a loss what its ``forward`` asks for by name, and what its card says of it."""

import inspect
from collections.abc import Iterator

from torch import nn

EXTRA_INPUTS = ('labels', 'sample_ids', 'progress', 'student_classifier', 'teacher_classifier')


def extra_inputs(term: str, loss: nn.Module) -> tuple[str, ...]:
    """Which of :data:`EXTRA_INPUTS` the ``forward`` of a loss asks for.

    Args:
        term: name of the term, for the message.

    Raises:
        ValueError: it does not take (student, teacher), or asks for something else.
    """
    parameters = list(inspect.signature(loss.forward).parameters.values())
    unfit = [parameter.name for parameter in parameters[2:]
             if parameter.name not in EXTRA_INPUTS and parameter.default is parameter.empty
             and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)]
    if len(parameters) < 2 or unfit:
        raise ValueError(f'term {term!r}: {type(loss).__name__}.forward takes '
                         f'({", ".join(parameter.name for parameter in parameters)}), expected (student, teacher) and, '
                         f'by these names, any of {", ".join(EXTRA_INPUTS)}')
    return tuple(parameter.name for parameter in parameters[2:] if parameter.name in EXTRA_INPUTS)


def cards(loss: nn.Module) -> Iterator:
    """The ``MethodCard`` of a loss and of those it wraps, of each that has one."""
    while isinstance(loss, nn.Module):
        if card := getattr(loss, 'card', None):
            yield card
        loss = getattr(loss, 'loss', None)
