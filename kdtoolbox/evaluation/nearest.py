"""Nearest neighbours by cosine distance: exact for ties, with bounded memory, equal for every chunk size and device."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

HIGH_BITS = 26  # |x| <= 1 becomes an integer of at most 2^26, so that products of two unit vectors sum to at most 2^52


def retrieval_topk(
    queries: Tensor,
    query_labels: Tensor,
    gallery: Tensor,
    gallery_labels: Tensor,
    topk: Sequence[int] = (1, 5, 10, 20, 50),
    *,
    chunk_bytes: int = 2**26,
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
    queries: Tensor, query_labels: Tensor, gallery: Tensor, gallery_labels: Tensor, *, chunk_bytes: int = 2**26
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
    for start in range(0, len(queries), num_rows):
        rows = slice(start, start + num_rows)
        query_block = _on_grid(queries[rows])
        for gallery_start in range(0, len(gallery), num_columns):
            scores = _cosine(query_block, _on_grid(gallery[gallery_start : gallery_start + num_columns]))
            positions = torch.arange(gallery_start, gallery_start + scores.shape[1], device=scores.device)
            before = scores > best[rows, None]
            before |= (scores == best[rows, None]) & (positions < position[rows, None])
            ranks[rows] += before.sum(1)
    return ranks


def nearest_neighbours(
    queries: Tensor, gallery: Tensor, num_neighbours: int, *, chunk_bytes: int = 2**26
) -> tuple[Tensor, Tensor]:
    """The nearest gallery vectors of each query, by (cosine distance, position in the gallery).

    Args:
        queries: (Q, C).
        gallery: (G, C).
        num_neighbours: n, from 1 to G.
        chunk_bytes: approximate memory for one chunk, without the gallery; the result does not depend on it.

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
    on_grid = _on_grid(gallery)
    num_rows = max(1, chunk_bytes // (32 * len(gallery)))  # scores, sorted scores and positions, 8 bytes each
    found = []
    for block in queries.split(num_rows):
        cosines, positions = _cosine(_on_grid(block), on_grid).sort(dim=1, descending=True, stable=True)
        found.append((cosines[:, :num_neighbours].clone(), positions[:, :num_neighbours].clone()))
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
            query_block = _on_grid(queries[rows])
            for columns in members.split(num_columns) if len(members) else ():
                score, index = _cosine(query_block, _on_grid(gallery[columns])).max(1)
                nearer = score > best[rows]
                best[rows] = torch.where(nearer, score, best[rows])
                position[rows] = torch.where(nearer, columns[index], position[rows])
    return best, position


def _on_grid(vectors: Tensor) -> tuple[Tensor, Tensor]:
    """Unit vectors in fixed point: integers (high, low) in float64 with x = 2^-26 (high + low 2^-bits).

    Matrix products of these are exact, hence independent of the order of summation, which differs from one block size
    and one device to the next and would make equal vectors unequal in the last digit. The grid is 2^-46 or
    finer for up to 4096 components.
    """
    vectors = vectors.double()
    scaled = vectors * (2.0**HIGH_BITS / _row_sums(vectors * vectors).sqrt())
    high = scaled.round()
    return high, scaled.sub_(high).mul_(2.0 ** _low_bits(vectors.shape[1])).round_()


def _cosine(one: tuple[Tensor, Tensor], other: tuple[Tensor, Tensor]) -> Tensor:
    """(Q, G) cosines of vectors on the grid; the product of the low parts, below 2^-70, is left out."""
    crossed = torch.cat(one, 1) @ torch.cat(other[::-1], 1).T
    exact = one[0] @ other[0].T
    return exact.add_(crossed.mul_(2.0 ** -_low_bits(one[0].shape[1]))).mul_(2.0 ** (-2 * HIGH_BITS))


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
