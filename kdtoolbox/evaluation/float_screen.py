"""Which gallery vectors are nearer than a known one: by float32 where that is sure, else exactly."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from kdtoolbox.evaluation.exact_cosines import cosines_of_pairs, exact_cosines, on_grid

ROUNDING = 2.0**-24  # of float32, relative
MAX_SHARE_OF_PAIRS = 1 / 64  # above it, all pairs at once are cheaper than those in doubt one by one


def error_bound(num_components: int) -> float:
    """The most by which a float32 product of two unit vectors of float32 differs from their cosine.

    Rounding the components gives twice the rounding error, at most; a sum of n products, in any order, n times (Higham,
    Accuracy and Stability of Numerical Algorithms, 2002, section 3.1), as the sum of their absolute values is at most
    1. Three more are for the known cosine in float32 and for the grid of the exact ones.
    """
    return (num_components + 5) * ROUNDING * (1 + 2.0**-10)


@contextmanager
def full_float32() -> Iterator[None]:
    """Matrix products of float32 in float32, whatever the process has chosen: TF32 and bfloat16 have larger errors."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision('highest')
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


class FloatScreen:
    """Counts the gallery vectors that come before a known one, for a block of queries.

    Args:
        queries: (Q, C).
        cosines: (Q,), exact, of the known vector of each query.
        positions: (Q,), of the known vector in the gallery; of equal cosines the first comes before.
    """

    def __init__(self, queries: Tensor, cosines: Tensor, positions: Tensor) -> None:
        self.units = unit_vectors(queries)
        self.on_grid = on_grid(queries)
        self.cosines = cosines
        self.positions = positions
        bound = error_bound(queries.shape[1])
        self.surely_before = (cosines + bound).float()
        self.surely_behind = (cosines - bound).float()

    def num_before(self, gallery: Tensor, *, first: int) -> Tensor:
        """(Q,) how many of these gallery vectors (G, C) come before the known one.

        Args:
            first: position of the first of them in the whole gallery.
        """
        scores = self.units @ unit_vectors(gallery).T
        counts = torch.zeros(len(scores), dtype=torch.int64, device=scores.device)
        # The largest score of a query tells that none of these vectors comes before; for most it is so.
        open_rows = (scores.amax(1) >= self.surely_behind).nonzero().flatten()
        scores = scores[open_rows] if len(open_rows) < len(scores) else scores
        is_before = scores > self.surely_before[open_rows, None]
        counts[open_rows] = is_before.sum(1, dtype=torch.int32).long()
        rows, columns = ((scores >= self.surely_behind[open_rows, None]) ^ is_before).nonzero(as_tuple=True)
        if not len(rows):
            return counts
        if len(rows) > MAX_SHARE_OF_PAIRS * len(self.units) * len(gallery):
            positions = torch.arange(first, first + len(gallery), device=gallery.device)
            return self._is_before(
                exact_cosines(self.on_grid, on_grid(gallery)), self.cosines[:, None], positions, self.positions[:, None]
            ).sum(1)
        rows = open_rows[rows]
        used, columns = columns.unique(return_inverse=True)
        exact = cosines_of_pairs(self.on_grid, on_grid(gallery[used]), rows, columns)
        before = self._is_before(exact, self.cosines[rows], used[columns] + first, self.positions[rows])
        return counts.index_add_(0, rows[before], torch.ones_like(rows[before]))

    @staticmethod
    def _is_before(cosines: Tensor, known: Tensor, positions: Tensor, known_positions: Tensor) -> Tensor:
        return (cosines > known) | ((cosines == known) & (positions < known_positions))


def unit_vectors(vectors: Tensor) -> Tensor:
    """Unit vectors, rounded to float32 once."""
    vectors = vectors.double()
    scale = vectors.abs().amax(1, keepdim=True)  # squares of very small or large numbers would leave the range
    vectors = vectors / scale
    return (vectors / vectors.norm(dim=1, keepdim=True)).float()
