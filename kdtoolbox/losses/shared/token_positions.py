"""The positions of tokens, as VideoMAE adds them."""

import functools

import torch
from torch import Tensor


def sine_cosine_positions(num_positions: int, channels: int, *, like: Tensor) -> Tensor:
    """The fixed table of VideoMAE: sines in even channels, cosines in odd ones, of falling frequency.

    Args:
        num_positions: L.
        channels: C.
        like: a tensor of the device and type.

    Returns:
        (L, C).

    >>> sine_cosine_positions(2, 2, like=torch.zeros(1))
    tensor([[0.0000, 1.0000],
            [0.8415, 0.5403]])
    """
    return _positions(num_positions, channels, like.device, like.dtype)


@functools.lru_cache(maxsize=16)  # a step would spend longer on it than on choosing the tokens
def _positions(num_positions: int, channels: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    with torch.inference_mode(False):  # else a training could not use what a prediction had made
        channel = torch.arange(channels, dtype=torch.float64)
        angles = torch.arange(num_positions, dtype=torch.float64)[:, None] / 10000 ** (2 * (channel // 2) / channels)
        table = torch.where(channel % 2 == 0, angles.sin(), angles.cos()).float()  # as in VideoMAE
        return table.to(device, dtype)
