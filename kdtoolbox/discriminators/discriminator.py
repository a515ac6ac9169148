"""The discriminator: a network that classifies features as the teacher's or the student's."""

from collections.abc import Sequence

from torch import Tensor, nn

from kdtoolbox.registry import MODELS


@MODELS.register_module()
class Discriminator(nn.Module):
    """Linear layers with ReLU between them, from a vector to one score; a score above the boundary means "teacher".

    The widths are those of the original 2D to 3D experiments; Belagiannis et al., arXiv:1803.10750, use the same three
    layers and widths. There is no sigmoid: the objectives take scores.

    >>> import torch
    >>> Discriminator(in_channels=512)(torch.zeros(2, 512)).shape
    torch.Size([2, 1])
    """

    def __init__(self, in_channels: int, widths: Sequence[int] = (128, 256, 128)) -> None:
        super().__init__()
        self.in_channels = in_channels
        layers: list[nn.Module] = []
        for before, after in zip((in_channels, *widths), widths):
            layers += [nn.Linear(before, after), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.Linear(widths[-1] if widths else in_channels, 1))

    def forward(self, features: Tensor) -> Tensor:
        """(N, in_channels) -> (N, 1).

        Raises:
            ValueError: the features have another shape.
        """
        if features.dim() != 2 or features.shape[1] != self.in_channels:
            raise ValueError(
                f'the discriminator got {tuple(features.shape)}, expected (N, {self.in_channels}): set its '
                f'in_channels={features.shape[1]}, and pool maps first (GlobalPool)'
            )
        return self.layers(features)
