"""The tokens that a loss gets: their layout, those of a mask, checks."""

import torch
from torch import Tensor

from kdtoolbox.host_reads import on_host, to_device


def as_tokens(features: Tensor, *, channels: int, side: str) -> Tensor:
    """The features as tokens with channels last, (N, L, C).

    Args:
        features: tokens (N, C, L), or a map of them (N, C, T, H, W), whose positions are taken with time first.
        channels: C, as the loss was built for.
        side: ``'student'`` or ``'teacher'``, for the message.

    Raises:
        ValueError: it has another number of dimensions or of channels.

    >>> import torch
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

    >>> import torch
    >>> chosen_tokens(torch.arange(3.).view(1, 3, 1), torch.tensor([[True, False, True]])).flatten()
    tensor([0., 2.])
    """
    if tokens.shape[:2] != chosen.shape:
        raise ValueError(
            f'there are {tokens.shape[1]} tokens, but the hidden tokens are some of {chosen.shape[1]}: bring the '
            "teacher to the student's grid (MatchGrid), and drop class and register tokens (num_prefix_tokens)"
        )
    places = _places_of(chosen, tokens.device)
    return tokens.gather(1, places[..., None].expand(-1, -1, tokens.shape[2]))


@torch.compiler.disable  # the host reads values
def _places_of(chosen: Tensor, device: torch.device) -> Tensor:
    """(N, L) boolean -> (N, number of chosen)."""
    known = on_host(chosen)
    if len(counts := set(known.sum(1).tolist())) > 1:
        raise ValueError(f'the clips have {sorted(counts)} chosen tokens, expected as many in each')
    return to_device(known.nonzero()[:, 1].view(len(known), -1), device)


@torch.compiler.disable
def _num_in_each(chosen: Tensor) -> int:
    return int(on_host(chosen)[0].sum())


@torch.compiler.disable
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


def visible_tokens(student: Tensor, visible: Tensor, *, channels: int) -> Tensor:
    """The student's tokens (N, V, C), of which there must be one for each visible position.

    Args:
        student: as in :func:`as_tokens`.
        visible: (N, L) boolean.
        channels: C, as the loss was built for.

    Raises:
        ValueError: it gave another number of tokens, of dimensions or of channels.
    """
    tokens = as_tokens(student, channels=channels, side='student')
    expected = _num_in_each(visible)
    if tokens.shape[1] != expected:
        raise ValueError(
            f'the student gave {tokens.shape[1]} tokens, but {expected} of {visible.shape[1]} positions are visible: '
            'tap a block of its transformer, and drop class and register tokens (PatchTokens, num_prefix_tokens)'
        )
    return tokens
