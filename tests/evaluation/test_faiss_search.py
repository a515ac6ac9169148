import sys

import pytest
import torch

from kdtoolbox.evaluation.faiss_search import nearest_by_faiss
from kdtoolbox.evaluation.nearest import nearest_neighbours
from kdtoolbox.registry import METRICS
from tests.evaluation.samples import clustered, evaluate


def sets():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(40, 8, generator=generator), torch.randn(400, 8, generator=generator)


def test_with_all_cells_the_neighbours_are_the_exact_ones_and_with_few_most_are_found():
    pytest.importorskip('faiss')
    queries, gallery = sets()
    exact = nearest_neighbours(queries, gallery, 5)
    found = nearest_by_faiss(queries, gallery, 5, num_probes=1000)
    assert torch.equal(found[0], exact[0]) and torch.equal(found[1], exact[1])
    few = nearest_by_faiss(queries, gallery, 5, num_probes=3)[1]
    share = (few[:, :, None] == exact[1][:, None]).any(2).float().mean()
    assert 0.4 < share < 1
    with pytest.raises(ValueError, match='take more probes, or fewer neighbours'):
        nearest_by_faiss(queries, gallery, 300, num_probes=1)


def test_the_metric_searches_by_it():
    pytest.importorskip('faiss')
    exact, approximate = (
        evaluate(METRICS.build(dict(type='KNNAccuracy', num_neighbours=5, search=search)), clustered())
        for search in ('exact', 'faiss')
    )
    assert approximate == exact  # so few vectors are one cell


def test_without_faiss_the_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, 'faiss', None)
    with pytest.raises(ValueError, match=r'pip install kdtoolbox\[faiss\]'):
        nearest_by_faiss(*sets(), 5)
    with pytest.raises(ValueError, match="search='annoy'"):
        METRICS.build(dict(type='KNNAccuracy', search='annoy'))
