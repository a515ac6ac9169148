"""Euclidean distances between all pairs of samples, exact also where samples nearly agree."""

import torch
from torch import Tensor


def pair_distances(features: Tensor) -> Tensor:
    """Euclidean distance of each sample to each other; equal samples get no gradient.

    They are computed from differences: in the squares of a matrix product, near-equal samples lose all digits of their
    distance.

    Args:
        features: (N, D).

    Returns:
        (N, N).

    >>> pair_distances(torch.tensor([[0., 0.], [3., 4.]]))
    tensor([[0., 5.],
            [5., 0.]])
    """
    return torch.cdist(features, features, compute_mode='donot_use_mm_for_euclid_dist')


def rounding_of(features: Tensor) -> float:
    """A distance of this size may be a rounding error, for features (N, D) whose largest absolute value is 1."""
    return 8 * torch.finfo(features.dtype).eps * features.shape[1] ** 0.5
