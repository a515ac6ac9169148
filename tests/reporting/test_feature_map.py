"""The map of the features: principal components, or UMAP where it is installed."""

import sys
import types

import numpy as np
import pytest

from kdtoolbox.reporting.sections.vectors import MIN_FOR_UMAP, placed

FEATURES = np.random.default_rng(0).normal(size=(30, 5)) * [5, 3, 1, 1, 1] + 2


@pytest.mark.parametrize('module', [None, types.ModuleType('umap')], ids=['not installed', 'another of its name'])
def test_without_umap_the_map_is_of_the_principal_components(module, monkeypatch):
    decomposition = pytest.importorskip('sklearn.decomposition')
    monkeypatch.setitem(sys.modules, 'umap', module)  # None makes its import fail
    points, names, words = placed(FEATURES)
    expected = decomposition.PCA(2).fit(FEATURES / np.linalg.norm(FEATURES, axis=1, keepdims=True))
    found = np.abs(expected.transform(FEATURES / np.linalg.norm(FEATURES, axis=1, keepdims=True)))
    np.testing.assert_allclose(np.abs(points), found, atol=1e-9)
    shares = 100 * expected.explained_variance_ratio_
    assert names[0] == f'first principal component ({shares[0]:.0f} % of the variance)'
    assert f'{shares.sum():.0f} % of the variance' in words


def test_with_umap_the_map_is_of_their_cosines_and_says_what_it_is(monkeypatch):
    asked = {}

    class UMAP:
        def __init__(self, **options):
            asked.update(options)

        def fit_transform(self, features):
            return features[:, :2]

    monkeypatch.setitem(sys.modules, 'umap', types.SimpleNamespace(UMAP=UMAP))
    points, names, words = placed(FEATURES)
    assert np.array_equal(points, FEATURES[:, :2]) and names == ('UMAP 1', 'UMAP 2')
    assert asked == dict(n_components=2, metric='cosine', random_state=0) and 'mean nothing' in words
    assert placed(FEATURES[: MIN_FOR_UMAP - 1])[1][0].startswith('first principal')
