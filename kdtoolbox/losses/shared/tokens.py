"""Helpers of losses of tokens: layout, choice by mask, positions, distances."""

import functools
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from kdtoolbox.host_reads import on_host, to_device
from kdtoolbox.losses.shared.frame_vectors import unit_vectors

NORM_EPSILON = 1e-6  # of layer norms, as in ViTs


def cosine_of_tokens(prediction: Tensor, target: Tensor) -> Tensor:
    """``2 - 2 cos``, mean over the tokens: the squared distance of the directions."""
    return (2 - 2 * (unit_vectors(prediction, dim=-1) * unit_vectors(target, dim=-1)).sum(-1)).mean()


TOKEN_DISTANCES: dict[str, Callable[..., Tensor]] = {
    'cosine': cosine_of_tokens,
    'l1': F.l1_loss,
    'l2': F.mse_loss,
    'smooth_l1': F.smooth_l1_loss,
}


def checked_distance(distance: str) -> str:
    """Check the name of a distance.

    Raises:
        ValueError: it is not one of :data:`TOKEN_DISTANCES`.
    """
    if distance not in TOKEN_DISTANCES:
        raise ValueError(f'distance={distance!r}: expected one of {", ".join(map(repr, TOKEN_DISTANCES))}')
    return distance


def as_tokens(features: Tensor, *, channels: int, side: str) -> Tensor:
    """The features as tokens with channels last, (N, L, C).

    Args:
        features: tokens (N, C, L), or a map of them (N, C, T, H, W), whose positions are taken with time first.
        channels: C, as the loss was built for.
        side: ``'student'`` or ``'teacher'``, for the message.

    Raises:
        ValueError: it has another number of dimensions or of channels.

    >>> as_tokens(torch.zeros(2, 192, 8, 7, 7), channels=192, side='teacher').shape
    torch.Size([2, 392, 192])
    """
    if features.dim() not in (3, 5) or features.shape[1] != channels:
        raise ValueError(
            f'the {side} gave {tuple(features.shape)}, expected tokens (N, {channels}, L) or a map of them (N, '
            f'{channels}, T, H, W): PatchTokens brings the tokens of a video transformer there, TokensToMap and '
            'MatchGrid those of an image teacher'
        )
    return features.flatten(2).transpose(1, 2)


def chosen_tokens(tokens: Tensor, chosen: Tensor) -> Tensor:
    """Some tokens of each clip, in their order.

    Args:
        tokens: (N, L, C).
        chosen: (N, L) boolean, with as many True in each row.

    Returns:
        (N, number of chosen, C).

    Raises:
        ValueError: the numbers of positions differ, or those of chosen tokens.

    >>> chosen_tokens(torch.arange(3.).view(1, 3, 1), torch.tensor([[True, False, True]])).flatten()
    tensor([0., 2.])
    """
    if tokens.shape[:2] != chosen.shape:
        raise ValueError(
            f'there are {tokens.shape[1]} tokens, but the hidden tokens are some of {chosen.shape[1]}: bring the '
            "teacher to the student's grid (MatchGrid), and drop class and register tokens (num_prefix_tokens)"
        )
    known = on_host(chosen)
    if len(counts := set(known.sum(1).tolist())) > 1:
        raise ValueError(f'the clips have {sorted(counts)} chosen tokens, expected as many in each')
    places = to_device(known.nonzero()[:, 1].view(len(tokens), -1), tokens.device)
    return tokens.gather(1, places[..., None].expand(-1, -1, tokens.shape[2]))


def require_hidden(hidden_tokens: Tensor | None) -> Tensor:
    """The mask of the hidden tokens.

    Raises:
        ValueError: there is none, or it hides nothing.
    """
    if hidden_tokens is None or not on_host(hidden_tokens).any():
        raise ValueError(
            "this loss predicts hidden tokens, but none is hidden: give the distiller student_tokens=dict(type='"
            "RandomTokens', keep=…) with keep below 1"
        )
    return hidden_tokens


def require_visible(tokens: Tensor, visible: Tensor) -> None:
    """Check that the student gave one token for each visible position.

    Args:
        tokens: (N, V, C) of the student.
        visible: (N, L) boolean.

    Raises:
        ValueError: it gave another number.
    """
    expected = int(on_host(visible)[0].sum())
    if tokens.shape[1] != expected:
        raise ValueError(
            f'the student gave {tokens.shape[1]} tokens, but {expected} of {visible.shape[1]} positions are visible: '
            'tap a block of its transformer, and drop class and register tokens (PatchTokens, num_prefix_tokens)'
        )


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


def normalized_tokens(tokens: Tensor) -> Tensor:
    """Each token minus its mean, divided by its deviation over the channels: a layer norm without weights."""
    return F.layer_norm(tokens, tokens.shape[-1:], eps=NORM_EPSILON)
