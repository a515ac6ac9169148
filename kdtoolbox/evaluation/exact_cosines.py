"""Cosines that are the same for every order of summation, block size and device."""

import math

import torch
from torch import Tensor

HIGH_BITS = 26  # |x| <= 1 becomes an integer of at most 2^26, so that products of two unit vectors sum to at most 2^52


def on_grid(vectors: Tensor) -> tuple[Tensor, Tensor]:
    """Unit vectors in fixed point: integers (high, low) in float64 with x = 2^-26 (high + low 2^-bits).

    Matrix products of these are exact, hence independent of the order of summation, which differs from one block size
    and one device to the next and would make equal vectors unequal in the last digit. The grid is 2^-46 or
    finer for up to 4096 components.
    """
    vectors = vectors.double()
    scaled = vectors * (2.0**HIGH_BITS / _row_sums(vectors * vectors).sqrt())
    high = scaled.round()
    return high, scaled.sub_(high).mul_(2.0 ** _low_bits(vectors.shape[1])).round_()


def exact_cosines(one: tuple[Tensor, Tensor], other: tuple[Tensor, Tensor]) -> Tensor:
    """(Q, G) cosines of vectors on the grid; the product of the low parts, below 2^-70, is left out."""
    crossed = torch.cat(one, 1) @ torch.cat(other[::-1], 1).T
    exact = one[0] @ other[0].T
    return exact.add_(crossed.mul_(2.0 ** -_low_bits(one[0].shape[1]))).mul_(2.0 ** (-2 * HIGH_BITS))


def cosines_of_pairs(
    one: tuple[Tensor, Tensor], other: tuple[Tensor, Tensor], rows: Tensor, columns: Tensor, *, num_values: int = 2**22
) -> Tensor:
    """(P,) the same cosines as :func:`exact_cosines`, of the pairs (rows[p], columns[p]) alone.

    Args:
        num_values: that are held at a time, in each of a few tensors; the result does not depend on it.
    """
    low = 2.0 ** -_low_bits(one[0].shape[1])
    parts = max(1, num_values // one[0].shape[1])
    found = []
    for row, column in zip(rows.split(parts), columns.split(parts)):
        high, low_part = one[0][row], one[1][row]
        other_high = other[0][column]
        exact = (high * other_high).sum(1)  # of whole numbers that float64 holds: in any order the same
        crossed = high.mul_(other[1][column]).add_(low_part.mul_(other_high)).sum(1)
        found.append(exact.add_(crossed.mul_(low)).mul_(2.0 ** (-2 * HIGH_BITS)))
    return torch.cat(found)


def cosines_of_candidates(
    one: tuple[Tensor, Tensor], other: tuple[Tensor, Tensor], candidates: Tensor, *, num_values: int = 2**22
) -> Tensor:
    """(Q, M) the same cosines as :func:`exact_cosines`, of each query with its candidates (Q, M) alone.

    Args:
        num_values: that are held at a time; the result does not depend on it.
    """
    num_components = one[0].shape[1]
    both = torch.cat(other, 1)
    found = []
    for rows in torch.arange(len(candidates), device=candidates.device).split(
        max(1, num_values // (2 * num_components * candidates.shape[1]))
    ):
        high, low = one[0][rows], one[1][rows]
        sides = torch.stack([torch.cat([high, torch.zeros_like(high)], 1), torch.cat([low, high], 1)], 2)
        exact, crossed = torch.bmm(both[candidates[rows]], sides).unbind(2)
        found.append((exact + crossed * 2.0 ** -_low_bits(num_components)) * 2.0 ** (-2 * HIGH_BITS))
    return torch.cat(found)


def _low_bits(num_components: int) -> int:
    """The most bits for which sums of products high * low of unit vectors stay below 2^53, where float64 is exact."""
    return HIGH_BITS - math.ceil(math.log2(num_components) / 2)


def _row_sums(values: Tensor) -> Tensor:
    """(N, C) -> (N, 1), in an order that is the same for every row, block size and device. Overwrites ``values``."""
    while values.shape[1] > 1:
        half = (values.shape[1] + 1) // 2
        values[:, : values.shape[1] - half] += values[:, half:]
        values = values[:, :half]
    return values
