"""The module of losses of logits whose only option is a temperature."""

from torch import Tensor, nn

from kdtoolbox.losses.shared.option_checks import checked_temperature


class TemperatureLoss(nn.Module):
    """A loss of logits with a temperature. A subclass names its function and its card.

    Args:
        temperature: divides the logits; above 1 the unlikely classes count more.

    Raises:
        ValueError: the temperature is not above 0.
    """

    @staticmethod
    def function(student: Tensor, teacher: Tensor, *, temperature: float) -> Tensor:
        """The loss of two tensors of logits."""
        raise NotImplementedError

    def __init__(self, *, temperature: float = 1.0) -> None:
        super().__init__()
        self.temperature = checked_temperature(temperature)

    def forward(self, student: Tensor, teacher: Tensor) -> Tensor:
        return self.function(student, teacher, temperature=self.temperature)
