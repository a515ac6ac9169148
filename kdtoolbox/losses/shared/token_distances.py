"""Distances between predicted tokens and a teacher's."""

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor

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


def normalized_tokens(tokens: Tensor) -> Tensor:
    """Each token minus its mean, divided by its deviation over the channels: a layer norm without weights."""
    return F.layer_norm(tokens, tokens.shape[-1:], eps=NORM_EPSILON)
