"""The tensors that L1 and L2 compare: raw outputs or class probabilities."""

from torch import Tensor

from kdtoolbox.losses.shared.input_checks import require_logits

SIDES = ('logits', 'probabilities')


def checked_on(on: str) -> str:
    """Check the option ``on``.

    Raises:
        ValueError: it is not.
    """
    if on not in SIDES:
        raise ValueError(f'on={on!r}: expected one of {", ".join(map(repr, SIDES))}')
    return on


def compared_tensor(outputs: Tensor, *, on: str, temperature: float) -> Tensor:
    """The tensor to compare: ``outputs / temperature``, or its softmax over the last dimension.

    Args:
        outputs: of any shape; for ``on='probabilities'`` logits (N, K) or (N, T', K).

    >>> import torch
    >>> compared_tensor(torch.tensor([[0., 8.]]), on='probabilities', temperature=1e4).round(decimals=2)
    tensor([[0.5000, 0.5000]])
    """
    if on == 'logits':
        return outputs / temperature
    require_logits(outputs, min_classes=2)
    return (outputs / temperature).softmax(-1)
