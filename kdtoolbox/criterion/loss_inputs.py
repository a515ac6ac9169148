"""Further inputs of losses, such as labels, which ``forward`` takes by name; checks of the returned scalar."""

import inspect
from collections.abc import Mapping

from torch import Tensor, nn

EXTRA_INPUTS = (
    'labels',
    'sample_ids',
    'progress',
    'student_classifier',
    'teacher_classifier',
    'hidden_tokens',
    'teacher_hidden_tokens',
    'clips',
)


def extra_inputs(term: str, loss: nn.Module) -> tuple[str, ...]:
    """Which of :data:`EXTRA_INPUTS` are parameters of a loss's ``forward``.

    Args:
        term: name of the term, for the message.

    Raises:
        ValueError: it does not take (student, teacher), or has other parameters without a default.
    """
    parameters = list(inspect.signature(loss.forward).parameters.values())
    unfit = [
        parameter.name
        for parameter in parameters[2:]
        if parameter.name not in EXTRA_INPUTS
        and parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]
    if len(parameters) < 2 or unfit:
        raise ValueError(
            f'term {term!r}: {type(loss).__name__}.forward takes '
            f'({", ".join(parameter.name for parameter in parameters)}), expected (student, teacher) and, '
            f'by these names, any of {", ".join(EXTRA_INPUTS)}'
        )
    return tuple(parameter.name for parameter in parameters[2:] if parameter.name in EXTRA_INPUTS)


def scalar_of(loss: nn.Module, student, teacher, asked: Mapping) -> Tensor:
    """``loss(student, teacher, **asked)``.

    Args:
        asked: name -> further input of the loss.

    Raises:
        ValueError: the loss refuses its inputs, or is not a scalar tensor; the message names it.
    """
    try:
        value = loss(student, teacher, **asked)
    except ValueError as error:
        raise ValueError(f'{type(loss).__name__}: {error}') from error
    if not isinstance(value, Tensor) or value.dim():
        gave = f'{tuple(value.shape)}' if isinstance(value, Tensor) else f'{type(value).__name__} {value!r:.50}'
        raise ValueError(f'{type(loss).__name__} gave {gave}, expected a scalar tensor, the mean over the batch')
    return value
