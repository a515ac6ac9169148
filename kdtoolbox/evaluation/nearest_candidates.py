"""The nearest vectors of a block of queries: candidates by float32, their order exactly."""

import math

import torch
from torch import Tensor

from kdtoolbox.evaluation.exact_cosines import cosines_of_candidates, exact_cosines, on_grid
from kdtoolbox.evaluation.float_screen import error_bound, full_float32, unit_vectors

SPARE = 16
"""Candidates beyond the neighbours asked for, so that most queries need no second look."""

PAIR_COST = 80
"""A cosine of one pair takes so many times as long as one of many in a matrix product."""


def nearest_of_all(queries: Tensor, gallery: Tensor, num_neighbours: int, *, chunk_bytes: int) -> tuple[Tensor, Tensor]:
    """As :func:`nearest_of_block`, of any number of queries, by exact cosines with the whole gallery."""
    gallery_on_grid, found = on_grid(gallery), []
    for block in queries.split(max(1, chunk_bytes // (32 * len(gallery)))):
        cosines = exact_cosines(on_grid(block), gallery_on_grid)
        reached = cosines >= cosines.topk(num_neighbours, dim=1).values[:, -1:]
        if int(reached.sum()) == len(block) * num_neighbours:  # no query has more of its last cosine
            positions = reached.nonzero()[:, 1].view(len(block), num_neighbours)  # rising
            cosines, order = cosines.gather(1, positions).sort(dim=1, descending=True, stable=True)
            found.append((cosines, positions.gather(1, order)))
        else:
            cosines, positions = cosines.sort(dim=1, descending=True, stable=True)
            found.append((cosines[:, :num_neighbours].clone(), positions[:, :num_neighbours].clone()))
    return torch.cat([cosines for cosines, _ in found]), torch.cat([positions for _, positions in found])


def nearest_of_block(
    queries: Tensor, gallery: Tensor, num_neighbours: int, *, chunk_bytes: int
) -> tuple[Tensor, Tensor]:
    """Cosines (Q, n), falling, float64, and positions (Q, n) of the nearest, by (cosine distance, position).

    The n + 16 largest float32 scores are kept while the gallery goes by. A vector can be among the nearest only if its
    score is at most twice the error bound below the n-th. Where those are more than what is kept (ties), the query is
    looked at again by itself.

    Args:
        queries: (Q, C), a few hundred.
        gallery: (G, C).
        num_neighbours: n, from 1 to G.
        chunk_bytes: approximate memory; the result does not depend on it.
    """
    num_kept = min(num_neighbours + SPARE, len(gallery))
    margin = 2 * error_bound(queries.shape[1])
    scores, positions = _largest(unit_vectors(queries), gallery, num_kept, chunk_bytes=chunk_bytes)
    is_complete = scores[:, -1] < scores[:, num_neighbours - 1] - margin
    if num_kept == len(gallery):
        is_complete[:] = True
    cosines = torch.empty(len(queries), num_neighbours, dtype=torch.float64, device=queries.device)
    nearest = torch.empty_like(cosines, dtype=torch.int64)
    sure = is_complete.nonzero().flatten()
    if len(sure):
        cosines[sure], nearest[sure] = _in_order(
            queries[sure], gallery, positions[sure], num_neighbours, chunk_bytes=chunk_bytes
        )
    for row in (~is_complete).nonzero().flatten().tolist():
        least = scores[row, num_neighbours - 1] - margin
        near = _at_least(unit_vectors(queries[row : row + 1]), gallery, float(least), chunk_bytes=chunk_bytes)
        cosines[row], nearest[row] = (
            found[0]
            for found in _in_order(queries[row : row + 1], gallery, near[None], num_neighbours, chunk_bytes=chunk_bytes)
        )
    return cosines, nearest


def _largest(units: Tensor, gallery: Tensor, number: int, *, chunk_bytes: int) -> tuple[Tensor, Tensor]:
    """The largest float32 scores (Q, number), falling, and their positions."""
    scores = units.new_empty(len(units), 0)
    positions = torch.empty(len(units), 0, dtype=torch.int64, device=units.device)
    with full_float32():
        for columns in _chunks(len(gallery), len(units), gallery.shape[1], chunk_bytes):
            part = units @ unit_vectors(gallery[columns]).T
            best, index = part.topk(min(number, part.shape[1]), dim=1)
            scores = torch.cat([scores, best], 1)
            positions = torch.cat([positions, index + columns.start], 1)
            scores, index = scores.topk(min(number, scores.shape[1]), dim=1)
            positions = positions.gather(1, index)
    return scores, positions


def _at_least(unit: Tensor, gallery: Tensor, least: float, *, chunk_bytes: int) -> Tensor:
    """Positions of all vectors with such a score, or above, of the one query (1, C); rising."""
    with full_float32():
        found = [
            ((unit @ unit_vectors(gallery[columns]).T)[0] >= least).nonzero().flatten() + columns.start
            for columns in _chunks(len(gallery), 1, gallery.shape[1], chunk_bytes)
        ]
    return torch.cat(found)


def _in_order(
    queries: Tensor, gallery: Tensor, candidates: Tensor, number: int, *, chunk_bytes: int
) -> tuple[Tensor, Tensor]:
    """The first of the candidates (Q, M) by (exact cosine, position): cosines (Q, number) and positions."""
    candidates = candidates.sort(1).values  # then a stable sort by cosine leaves equal ones by position
    found = []
    for rows in torch.arange(len(queries), device=queries.device).split(
        max(1, chunk_bytes // (64 * queries.shape[1] * candidates.shape[1]))
    ):
        used, places = candidates[rows].unique(return_inverse=True)
        cosines = cosines_of_candidates(
            on_grid(queries[rows]), on_grid(gallery[used]), places, num_values=chunk_bytes // 16
        )
        cosines, order = cosines.sort(dim=1, descending=True, stable=True)
        found.append((cosines[:, :number], candidates[rows].gather(1, order)[:, :number]))
    return torch.cat([cosines for cosines, _ in found]), torch.cat([positions for _, positions in found])


def _chunks(num_vectors: int, num_queries: int, num_components: int, chunk_bytes: int) -> list[slice]:
    """Parts of the gallery: of each vector there are its scores, 12 bytes a query, and its components in float64."""
    length = max(1, math.floor(chunk_bytes / (12 * num_queries + 24 * num_components)))
    return [slice(start, start + length) for start in range(0, num_vectors, length)]
