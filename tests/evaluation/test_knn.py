"""k-NN classification, against scikit-learn and counted by hand."""

import numpy as np
import pytest
import torch
from sklearn.neighbors import KNeighborsClassifier

from kdtoolbox.evaluation import knn_accuracy, knn_labels, nearest_neighbours
from kdtoolbox.evaluation.nearest_candidates import nearest_of_all, nearest_of_block
from kdtoolbox.registry import METRICS
from tests.evaluation.samples import clustered, evaluate


def random_sets(num_gallery=90, num_queries=70, num_classes=5, seed=0):
    generator = torch.Generator().manual_seed(seed)
    centres = torch.randn(num_classes, 6, generator=generator)
    sets = []
    for size in (num_queries, num_gallery):
        labels = torch.randint(num_classes, (size,), generator=generator)
        sets += [centres[labels] + torch.randn(size, 6, generator=generator), labels]
    return sets


@pytest.mark.parametrize('num_neighbours', [1, 7, 90])
def test_weighted_votes_are_scikit_learns(num_neighbours):
    queries, _query_labels, gallery, gallery_labels = random_sets()
    reference = KNeighborsClassifier(
        num_neighbours, metric='cosine', algorithm='brute', weights=lambda distances: np.exp((1 - distances) / 0.07)
    )
    expected = reference.fit(gallery.double(), gallery_labels).predict(queries.double())
    found = knn_labels(queries, gallery, gallery_labels, num_neighbours=num_neighbours)
    assert found.tolist() == expected.tolist()


def test_unweighted_votes_are_those_counted_by_hand():
    gallery = torch.tensor([[1.0, 0.0], [0.8, 0.6], [0.6, 0.8], [0.0, 1.0]])
    labels = torch.tensor([9, 3, 3, 9])
    query = torch.tensor([[1.0, 0.0]])
    votes = {k: knn_labels(query, gallery, labels, num_neighbours=k, temperature=None).item() for k in (1, 2, 3, 4)}
    assert votes == {1: 9, 2: 9, 3: 3, 4: 9}  # ties, at 2 and 4, go to the class of the nearest
    # At temperature 1 the nearest has e^1 = 2.7 votes, the next two have e^0.8 + e^0.6 = 4.0.
    assert knn_labels(query, gallery, labels, num_neighbours=3, temperature=1.0).item() == 3
    assert knn_labels(query, gallery, labels, num_neighbours=3, temperature=0.07).item() == 9


def test_a_temperature_near_zero_leaves_the_nearest_alone_to_vote():
    queries, _, gallery, labels = random_sets()
    one = knn_labels(queries, gallery, labels, num_neighbours=1)
    assert torch.equal(knn_labels(queries, gallery, labels, num_neighbours=60, temperature=1e-6), one)


def test_the_scale_of_a_vector_has_no_vote():
    queries, _, gallery, labels = random_sets()
    scale = torch.arange(1, 91)[:, None] / 7
    assert torch.equal(
        knn_labels(3 * queries, gallery * scale, labels, num_neighbours=9),
        knn_labels(queries, gallery, labels, num_neighbours=9),
    )


def test_neighbours_are_those_of_one_sorted_matrix_whatever_the_chunks():
    queries, _, gallery, _ = random_sets()
    gallery[40:] = gallery[:50].clone()  # ties
    unit = [torch.nn.functional.normalize(part.double()) for part in (queries, gallery)]
    cosines, positions = nearest_neighbours(queries, gallery, 12, chunk_bytes=1)
    torch.testing.assert_close(cosines, (unit[0] @ unit[1].T).sort(1, descending=True).values[:, :12])
    assert all(
        row == sorted(row, key=lambda p, row=row: (-cosines[n][row.index(p)], p))
        for n, row in enumerate(positions.tolist())
    )
    whole = nearest_neighbours(queries, gallery, 12)
    assert torch.equal(whole[0], cosines) and torch.equal(whole[1], positions)


def test_more_neighbours_than_the_gallery_has_are_all_of_it():
    queries, query_labels, gallery, labels = random_sets()
    assert knn_accuracy(queries, query_labels, gallery, labels, num_neighbours=200) == knn_accuracy(
        queries, query_labels, gallery, labels, num_neighbours=90
    )


def test_the_metric_gives_what_the_function_gives_and_chance():
    samples = clustered()
    metric = METRICS.build(dict(type='KNNAccuracy', num_neighbours=9))
    gallery, queries = samples[:60], samples[60:]
    tensors = [
        tensor
        for part in (queries, gallery)
        for tensor in (
            torch.stack([one['clip_features'] for one in part]),
            torch.cat([one['gt_labels']['item'] for one in part]),
        )
    ]
    expected = knn_accuracy(*tensors, num_neighbours=9)
    assert 0.3 < expected['top1'] < 1
    assert evaluate(metric, samples + samples[-3:]) == {
        'knn/top1': expected['top1'],
        'knn/top1_unweighted': expected['top1_unweighted'],
        'knn/chance': 0.25,
    }


@pytest.mark.parametrize(
    'options, message', [(dict(num_neighbours=0), 'num_neighbours=0'), (dict(temperature=0.0), 'temperature=0.0')]
)
def test_options_without_meaning_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        METRICS.build(dict(type='KNNAccuracy', **options))


def test_neighbours_that_there_are_not_are_refused():
    with pytest.raises(ValueError, match='num_neighbours=3: expected 1 to the 2 vectors'):
        nearest_neighbours(torch.ones(1, 2), torch.ones(2, 2), 3)


def test_a_missing_gallery_is_named():
    with pytest.raises(ValueError, match='k-NN over 0 gallery and 40 query videos'):
        evaluate(METRICS.build(dict(type='KNNAccuracy')), clustered()[60:])


def test_equal_vectors_beyond_what_is_kept_come_in_the_order_of_the_gallery():
    queries, _, gallery, _ = random_sets(num_gallery=10)
    many = gallery.repeat(30, 1)  # each 30 times, so that the fifth place is one of 30 equals
    positions = nearest_of_block(queries, many, 5, chunk_bytes=5000)[1]
    nearest = nearest_neighbours(queries, gallery, 1)[1]
    assert torch.equal(positions, nearest + 10 * torch.arange(5))


@pytest.mark.parametrize('has_ties', [False, True])
def test_neighbours_by_candidates_are_those_by_all_cosines(has_ties):
    queries, _, gallery, _ = random_sets(num_gallery=900)
    gallery = gallery[torch.arange(900) % 25] if has_ties else gallery
    by_all, by_candidates = (
        find(queries, gallery, 7, chunk_bytes=30_000) for find in (nearest_of_all, nearest_of_block)
    )
    assert torch.equal(by_all[0], by_candidates[0]) and torch.equal(by_all[1], by_candidates[1])
