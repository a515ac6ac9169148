"""Approximate nearest neighbours by faiss, for galleries of millions."""

import math

import torch
from torch import Tensor

from kdtoolbox.evaluation.exact_cosines import cosines_of_candidates, on_grid
from kdtoolbox.evaluation.float_screen import unit_vectors

QUERIES_AT_ONCE = 1024
VECTORS_PER_CELL = 40
"""To learn a cell from; faiss warns of fewer than 39."""


def nearest_by_faiss(
    queries: Tensor, gallery: Tensor, num_neighbours: int, *, num_probes: int = 32
) -> tuple[Tensor, Tensor]:
    """As :func:`nearest_neighbours`, but looks only at the cells of the gallery that are nearest to a query.

    The gallery is divided into about 4 √G cells (an inverted file, Sivic and Zisserman, ICCV 2003), of which
    ``num_probes`` are searched for each query: some neighbours may not be found. Cosines of those that are found are
    exact, and so is their order. With as many probes as cells all are found, within float32.

    Args:
        queries: (Q, C).
        gallery: (G, C).
        num_neighbours: n, 1 to G.
        num_probes: cells that are searched; more find more, and take longer.

    Returns:
        Cosines (Q, n), falling, float64, and positions in the gallery (Q, n), on the CPU.

    Raises:
        ValueError: faiss does not import, or the cells of a query hold fewer than n vectors.
    """
    try:
        import faiss
    except ImportError as error:
        raise ValueError(
            f"search='faiss' needs faiss, which does not import ({error}): pip install kdtoolbox[faiss]"
        ) from error
    units = unit_vectors(gallery.cpu()).numpy()
    num_cells = max(1, min(round(4 * math.sqrt(len(units))), len(units) // VECTORS_PER_CELL))
    quantizer = faiss.IndexFlatIP(units.shape[1])
    index = faiss.IndexIVFFlat(quantizer, units.shape[1], num_cells, faiss.METRIC_INNER_PRODUCT)
    index.train(units)
    index.add(units)
    index.nprobe = min(num_probes, num_cells)
    found = []
    for block in queries.cpu().split(QUERIES_AT_ONCE):
        positions = torch.from_numpy(index.search(unit_vectors(block).numpy(), num_neighbours)[1])
        if bool((positions < 0).any()):
            raise ValueError(
                f'faiss: {index.nprobe} of {num_cells} cells hold fewer than the {num_neighbours} neighbours wanted: '
                'take more probes, or fewer neighbours'
            )
        positions = positions.sort(1).values
        used, places = positions.unique(return_inverse=True)
        cosines = cosines_of_candidates(on_grid(block), on_grid(gallery.cpu()[used]), places)
        cosines, order = cosines.sort(dim=1, descending=True, stable=True)
        found.append((cosines, positions.gather(1, order)))
    return torch.cat([cosines for cosines, _ in found]), torch.cat([positions for _, positions in found])
