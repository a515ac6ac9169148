"""What L1 and L2 share: their options, and the tensors that they compare, raw outputs or class probabilities."""

from torch import Tensor, nn

from kdtoolbox.losses.shared.input_checks import require_logits
from kdtoolbox.losses.shared.option_checks import checked_temperature

# The weights of L1 and L2 on the card, which most code sums over the elements.
OF_A_SUM = {
    'weight': 'w of a sum over elements, averaged over the batch',
    'our_weight': 'w times the elements of a sample',
}
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


def compared_tensors(student: Tensor, teacher: Tensor, *, on: str, temperature: float) -> tuple[Tensor, Tensor]:
    """:func:`compared_tensor` of both sides."""
    return (
        compared_tensor(student, on=on, temperature=temperature),
        compared_tensor(teacher, on=on, temperature=temperature),
    )


class RegressionLoss(nn.Module):
    """A difference of outputs, features or probabilities. A subclass names its function and its card.

    Args:
        on: ``'logits'`` for the tensors as they are (of any kind), ``'probabilities'`` for their softmax over classes.
        temperature: divides the tensors first.

    Raises:
        ValueError: an option is not one of these.
    """

    @staticmethod
    def function(student: Tensor, teacher: Tensor, *, on: str, temperature: float) -> Tensor:
        """The loss of two tensors."""
        raise NotImplementedError

    def __init__(self, *, on: str = 'logits', temperature: float = 1.0) -> None:
        super().__init__()
        self.on = checked_on(on)
        self.temperature = checked_temperature(temperature)

    def forward(self, student: Tensor, teacher: Tensor) -> Tensor:
        return self.function(student, teacher, on=self.on, temperature=self.temperature)
