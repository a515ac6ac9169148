"""Nearest neighbours by cosine distance: exact for ties, with bounded memory, equal for every chunk size and device.

Ranks are screened in float32; pairs within its error bound is settled exactly.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from kdtoolbox.evaluation.exact_cosines import exact_cosines, on_grid
from kdtoolbox.evaluation.float_screen import FloatScreen, full_float32
from kdtoolbox.evaluation.nearest_candidates import PAIR_COST, nearest_of_all, nearest_of_block


def retrieval_topk(
    queries: Tensor,
    query_labels: Tensor,
    gallery: Tensor,
    gallery_labels: Tensor,
    topk: Sequence[int] = (1, 5, 10, 20, 50),
    *,
    chunk_bytes: int = 2**27,
) -> dict[int, float]:
    """Share of queries with a vector of their own class among the k nearest in the gallery, for each k.

    Nearest is by (cosine distance, position in the gallery). If k is larger than the gallery, all of it is used.

    Args:
        queries: (Q, C).
        query_labels: (Q,).
        gallery: (G, C).
        gallery_labels: (G,).
        chunk_bytes: approximate memory for one chunk; the result does not depend on it.

    Returns:
        k -> share in [0, 1].

    Raises:
        ValueError: a shape does not fit, a set is empty, a vector is zero or not finite, or k is below 1.

    >>> gallery = torch.tensor([[1., 0.], [0., 1.]])
    >>> retrieval_topk(torch.tensor([[3., 1.]]), torch.tensor([7]), gallery, torch.tensor([5, 7]), (1, 2))
    {1: 0.0, 2: 1.0}
    """
    if any(k < 1 for k in topk):
        raise ValueError(f'topk={tuple(topk)}: expected numbers of neighbours from 1 on')
    ranks = first_hit_ranks(queries, query_labels, gallery, gallery_labels, chunk_bytes=chunk_bytes)
    reachable = ranks < len(gallery)
    return {k: ((ranks < k) & reachable).double().mean().item() for k in topk}


def first_hit_ranks(
    queries: Tensor, query_labels: Tensor, gallery: Tensor, gallery_labels: Tensor, *, chunk_bytes: int = 2**27
) -> Tensor:
    """Number of gallery vectors before the first of the query's class, by (cosine distance, position).

    This rank gives every top-k without sorting: first the nearest vector of the query's class is found, then the
    vectors before it are counted. G if the gallery does not have the class. Arguments and errors as in
    :func:`retrieval_topk`; returns (Q,) int64.
    """
    _check(queries, query_labels, gallery, gallery_labels)
    # Many queries and few gallery vectors at a time: the latter are prepared again for every block of queries.
    num_rows = max(1, min(chunk_bytes // (64 * queries.shape[1]), int(math.sqrt(chunk_bytes / 3))))
    num_columns = max(1, num_rows // 8)
    best, position = _nearest_of_own_class(
        queries, query_labels, gallery, gallery_labels, num_rows=num_rows, num_columns=num_columns
    )
    ranks = torch.zeros(len(queries), dtype=torch.int64, device=queries.device)
    with full_float32():
        for start in range(0, len(queries), num_rows):
            rows = slice(start, start + num_rows)
            screen = FloatScreen(queries[rows], best[rows], position[rows])
            for columns in range(0, len(gallery), num_columns):
                ranks[rows] += screen.num_before(gallery[columns : columns + num_columns], first=columns)
    return ranks


def nearest_neighbours(
    queries: Tensor, gallery: Tensor, num_neighbours: int, *, chunk_bytes: int = 2**26
) -> tuple[Tensor, Tensor]:
    """The nearest gallery vectors of each query, by (cosine distance, position in the gallery).

    Args:
        queries: (Q, C).
        gallery: (G, C).
        num_neighbours: n, from 1 to G.
        chunk_bytes: approximate memory for one chunk, without a gallery of few vectors; the result does not depend on
            it.

    Returns:
        Cosines (Q, n), falling, float64, and positions in the gallery (Q, n).

    Raises:
        ValueError: a shape does not fit, a set is empty, a vector is zero or not finite, or there are not n.

    >>> nearest_neighbours(torch.tensor([[1., 0.]]), torch.tensor([[0., 1.], [2., 0.], [3., 0.]]), 2)[1]
    tensor([[1, 2]])
    """
    _check(queries, torch.zeros(len(queries)), gallery, torch.zeros(len(gallery)))
    if not 1 <= num_neighbours <= len(gallery):
        raise ValueError(f'num_neighbours={num_neighbours}: expected 1 to the {len(gallery)} vectors of the gallery')
    if len(gallery) < PAIR_COST * num_neighbours:
        return nearest_of_all(queries, gallery, num_neighbours, chunk_bytes=chunk_bytes)
    found = [
        nearest_of_block(block, gallery, num_neighbours, chunk_bytes=chunk_bytes)
        for block in queries.split(max(1, chunk_bytes // (32 * num_neighbours)))
    ]
    return torch.cat([cosines for cosines, _ in found]), torch.cat([positions for _, positions in found])


def _nearest_of_own_class(
    queries: Tensor, query_labels: Tensor, gallery: Tensor, gallery_labels: Tensor, *, num_rows: int, num_columns: int
) -> tuple[Tensor, Tensor]:
    """Cosine (Q,) and position (Q,) of the first of the nearest gallery vectors of each query's class.

    Where there is none, the cosine is -inf, so that every vector comes before it.
    """
    best = torch.full((len(queries),), -math.inf, dtype=torch.float64, device=queries.device)
    position = torch.full((len(queries),), len(gallery), dtype=torch.int64, device=queries.device)
    for label in query_labels.unique():
        members = (gallery_labels == label).nonzero().flatten()  # rising, so the first largest is the first in order
        for rows in (query_labels == label).nonzero().flatten().split(num_rows):
            query_block = on_grid(queries[rows])
            for columns in members.split(num_columns) if len(members) else ():
                score, index = exact_cosines(query_block, on_grid(gallery[columns])).max(1)
                nearer = score > best[rows]
                best[rows] = torch.where(nearer, score, best[rows])
                position[rows] = torch.where(nearer, columns[index], position[rows])
    return best, position


def _check(queries: Tensor, query_labels: Tensor, gallery: Tensor, gallery_labels: Tensor) -> None:
    for name, vectors, labels in (('queries', queries, query_labels), ('gallery', gallery, gallery_labels)):
        if vectors.dim() != 2 or labels.shape != vectors.shape[:1] or not vectors.numel():
            raise ValueError(
                f'{name} {tuple(vectors.shape)} with labels {tuple(labels.shape)}: expected vectors '
                '(N, C) with labels (N,), at least one'
            )
        least, largest = vectors.aminmax(dim=1)  # of each vector, without a copy of all of them
        has_direction = ((least != 0) | (largest != 0)) & least.isfinite() & largest.isfinite()
        unfit = (~has_direction).nonzero().flatten().tolist()
        if unfit:
            raise ValueError(
                f'{name}: {len(unfit)} of {len(vectors)} vectors are zero or not finite and have no '
                f'direction, the first is number {unfit[0]}'
            )
    if queries.shape[1] != gallery.shape[1]:
        raise ValueError(
            f'queries {tuple(queries.shape)} and gallery {tuple(gallery.shape)} differ in the number of '
            'components: take both from the same layer of the same network'
        )
