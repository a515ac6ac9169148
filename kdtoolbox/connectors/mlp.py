"""A projection of the channels by a multilayer perceptron (MLP)."""

from torch import Tensor, nn

from kdtoolbox.connectors.misfit import misfit
from kdtoolbox.registry import MODELS


@MODELS.register_module()
class MLPProjection(nn.Module):
    """Two linear layers with a ReLU between, on the channels: (N, in_channels, ...) -> (N, out_channels, ...).

    For vectors (N, C), sequences (N, C, T) and maps; it is applied to each position and time step separately.

    Args:
        hidden_channels: channels between the layers; default: ``out_channels``.
        layer_norm: have a layer norm and a GELU between them, as AM-RADIO's adaptor heads (Ranzinger et al., CVPR 2024,
            arXiv:2312.06709).

    Raises:
        ValueError: the input has another number of channels.

    >>> import torch
    >>> MLPProjection(8, 3, hidden_channels=16)(torch.zeros(2, 8, 4)).shape
    torch.Size([2, 3, 4])
    """

    def __init__(
        self, in_channels: int, out_channels: int, *, hidden_channels: int | None = None, layer_norm: bool = False
    ) -> None:
        super().__init__()
        hidden_channels = hidden_channels or out_channels
        between = (nn.LayerNorm(hidden_channels), nn.GELU()) if layer_norm else (nn.ReLU(),)
        self.layers = nn.Sequential(
            nn.Linear(in_channels, hidden_channels), *between, nn.Linear(hidden_channels, out_channels)
        )

    def forward(self, x: Tensor) -> Tensor:
        expected = self.layers[0].in_features
        if x.dim() < 2 or x.shape[1] != expected:
            raise misfit(self, x, f'(N, {expected}, ...): set in_channels={x.shape[1] if x.dim() > 1 else "C"}')
        return self.layers(x.movedim(1, -1)).movedim(-1, 1)
