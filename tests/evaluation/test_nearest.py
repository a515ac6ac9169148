"""Nearest neighbours: against scikit-learn, with ties, and independent of how the work is cut."""

import resource
from fractions import Fraction

import numpy as np
import pytest
import torch
from sklearn.metrics.pairwise import cosine_distances

from kdtoolbox.evaluation.exact_cosines import cosines_of_pairs, exact_cosines, on_grid
from kdtoolbox.evaluation.float_screen import error_bound
from kdtoolbox.evaluation.nearest import first_hit_ranks, retrieval_topk
from tests.forked import call
from tests.reference import load_case

TOPK = (1, 2, 5, 10, 50)


def brute_force(queries, query_labels, gallery, gallery_labels, topk=TOPK):
    """The definition, by a stable full sort."""
    order = np.argsort(cosine_distances(queries, gallery), axis=1, kind='stable')
    hits = gallery_labels.numpy()[order] == query_labels.numpy()[:, None]
    return {k: hits[:, :k].any(1).mean() for k in topk}


def random_set(num_queries=60, num_gallery=300, num_components=16, num_classes=30, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return (
        torch.randn(num_queries, num_components, generator=generator),
        torch.randint(num_classes, (num_queries,), generator=generator),
        torch.randn(num_gallery, num_components, generator=generator),
        torch.randint(num_classes, (num_gallery,), generator=generator),
    )


def tied_set(seed=0):
    """Vectors of +1 and -1 in 16 dimensions: norm 4, so cosines are exact in any arithmetic, and mostly tied."""
    queries, query_labels, gallery, gallery_labels = random_set(seed=seed)
    return queries.sign(), query_labels, gallery.sign(), gallery_labels


@pytest.mark.parametrize('seed', range(5))
@pytest.mark.parametrize('make', [random_set, tied_set])
def test_shares_are_those_of_a_full_sort(make, seed):
    data = make(seed=seed)
    assert retrieval_topk(*data, TOPK) == pytest.approx(brute_force(*data), abs=0)


@pytest.mark.parametrize('case', ['train70', 'train55'])
def test_shares_are_those_of_the_original_experiments(shared, case):
    arrays, _ = load_case(shared, 'retrieval_topk', case)
    queries, gallery = (torch.from_numpy(arrays[f'{part}_features']).mean(1) for part in ('test', 'train'))
    query_labels, gallery_labels = (torch.from_numpy(arrays[f'{part}_labels'])[:, 0] for part in ('test', 'train'))
    topk = arrays['out.ks'].tolist()
    shares = retrieval_topk(queries, query_labels, gallery, gallery_labels, topk)
    np.testing.assert_allclose([shares[k] for k in topk], arrays['out.accuracy'], rtol=1e-12)


def duplicated_set():
    """Float vectors whose cosines are inexact, each many times in the gallery, scaled and in mixed classes."""
    queries, query_labels, gallery, _ = random_set(num_components=67, num_gallery=20)
    generator = torch.Generator().manual_seed(1)
    gallery = gallery.repeat(20, 1)[torch.randperm(400, generator=generator)]
    gallery = gallery * 2.0 ** torch.randint(-3, 4, (400, 1), generator=generator)
    return (
        torch.cat([queries, gallery[:40]]),
        torch.cat([query_labels, query_labels[:40]]),
        gallery,
        torch.randint(30, (400,), generator=generator),
    )


@pytest.mark.parametrize('make', [random_set, tied_set, duplicated_set])
def test_ranks_do_not_depend_on_the_chunks(make):
    data = make()
    expected = first_hit_ranks(*data, chunk_bytes=2**30)
    for chunk_bytes in (60_000, 200_000, 1_000_000):
        assert torch.equal(first_hit_ranks(*data, chunk_bytes=chunk_bytes), expected)
    one_by_one = first_hit_ranks(data[0][:3], data[1][:3], *data[2:], chunk_bytes=1)
    assert torch.equal(one_by_one, expected[:3])


def test_equal_directions_tie_and_the_first_in_the_gallery_wins():
    queries, query_labels, gallery, gallery_labels = duplicated_set()
    ranks = first_hit_ranks(queries, query_labels, gallery, gallery_labels, chunk_bytes=100_000)
    # Python's integers and fractions are exact: the order of squared cosines with their sign, without any root.
    exact = [[int(value * 2.0**80) for value in row] for row in gallery.tolist()]
    for query in range(0, len(queries), 25):
        row = [int(value * 2.0**80) for value in queries[query].tolist()]
        dots = [sum(a * b for a, b in zip(row, other)) for other in exact]
        keys = [Fraction(-dot * abs(dot), sum(b * b for b in other)) for dot, other in zip(dots, exact)]
        order = sorted(range(len(keys)), key=keys.__getitem__)
        hits = [place for place, item in enumerate(order) if gallery_labels[item] == query_labels[query]]
        assert ranks[query] == (hits[0] if hits else len(gallery))


def test_cosines_that_differ_in_the_twelfth_digit_are_told_apart():
    angles = torch.tensor([1e-3 + 1e-9, 1e-3, 1e-3 + 2e-9], dtype=torch.float64)
    gallery = torch.stack([angles.cos(), angles.sin()], 1)
    query = torch.tensor([[1.0, 0.0]], dtype=torch.float64).repeat(3, 1)
    assert first_hit_ranks(query, torch.arange(3), gallery, torch.arange(3)).tolist() == [1, 0, 2]


def test_collapsed_features_give_the_order_of_the_gallery():
    gallery_labels = torch.tensor([3, 1, 1, 0, 2])
    vector = torch.tensor([[0.1, 0.7, 0.3]])
    ranks = first_hit_ranks(vector.repeat(4, 1), torch.arange(4), vector.repeat(5, 1), gallery_labels)
    assert ranks.tolist() == [3, 1, 4, 0]


def test_a_class_that_the_gallery_lacks_is_never_found():
    shares = retrieval_topk(torch.ones(2, 3), torch.tensor([0, 9]), torch.ones(4, 3), torch.zeros(4), (1, 4, 99))
    assert shares == {1: 0.5, 4: 0.5, 99: 0.5}


def test_length_does_not_matter_and_low_precision_is_taken():
    queries, query_labels, gallery, gallery_labels = random_set()
    expected = first_hit_ranks(queries.bfloat16(), query_labels, gallery.bfloat16(), gallery_labels)
    scaled = first_hit_ranks(
        queries.bfloat16().float() * 1e-15, query_labels, gallery.bfloat16().double() * 1e15, gallery_labels
    )
    assert torch.equal(scaled, expected)


def near_set(spread: float, num_components: int = 64):
    """Vectors around one direction, as features behind a ReLU are: most cosines are within float32's error."""
    queries, query_labels, gallery, gallery_labels = random_set(num_components=num_components)
    return 1 + spread * queries, query_labels, 1 + spread * gallery, gallery_labels


@pytest.mark.parametrize('spread', [1e-1, 1e-2, 1e-3, 1e-5])
@pytest.mark.parametrize('chunk_bytes', [60_000, 2**26])
def test_what_float32_cannot_order_is_in_the_exact_order(spread, chunk_bytes):
    queries, query_labels, gallery, gallery_labels = near_set(spread)
    cosines = exact_cosines(on_grid(queries), on_grid(gallery))
    order = cosines.sort(dim=1, descending=True, stable=True).indices
    hits = gallery_labels[order] == query_labels[:, None]
    expected = torch.where(hits.any(1), hits.int().argmax(1), len(gallery))
    ranks = first_hit_ranks(queries, query_labels, gallery, gallery_labels, chunk_bytes=chunk_bytes)
    assert torch.equal(ranks, expected)


@pytest.mark.parametrize('num_components', [16, 512, 2048])
def test_float32_is_within_the_bound_of_its_error(num_components):
    for data in (random_set(num_components=num_components), near_set(1e-2, num_components)):
        queries, gallery = (torch.nn.functional.normalize(data[place].double(), dim=1).float() for place in (0, 2))
        difference = (queries @ gallery.T).double() - exact_cosines(on_grid(data[0]), on_grid(data[2]))
        assert 0 < difference.abs().max() < error_bound(num_components)


def test_a_process_that_chose_less_precise_products_gets_the_same_ranks_and_keeps_its_choice():
    data = near_set(1e-3)
    expected = first_hit_ranks(*data)
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision('medium')
    try:
        assert torch.equal(first_hit_ranks(*data), expected)
        assert torch.get_float32_matmul_precision() == 'medium'
    finally:
        torch.set_float32_matmul_precision(before)


def test_cosines_of_pairs_are_those_of_the_whole_matrix():
    queries, _, gallery, _ = random_set(num_components=67)
    one, other = on_grid(queries), on_grid(gallery)
    rows, columns = torch.arange(60).repeat(5), torch.arange(300)
    whole = exact_cosines(one, other)
    for num_values in (1, 1000, 2**22):
        assert torch.equal(cosines_of_pairs(one, other, rows, columns, num_values=num_values), whole[rows, columns])


@pytest.mark.parametrize(
    'change, message',
    [
        (dict(queries=torch.zeros(0, 3), query_labels=torch.zeros(0)), r'queries \(0, 3\)'),
        (dict(gallery_labels=torch.zeros(4)), r'gallery \(5, 3\) with labels \(4,\)'),
        (dict(gallery=torch.ones(5, 4)), 'differ in the number of components'),
        (dict(queries=torch.tensor([[1.0, 2, 3], [0, 0, 0]])), 'zero or not finite.*number 1'),
        (dict(gallery=torch.full((5, 3), float('nan'))), 'gallery: 5 of 5 vectors are zero or not finite'),
        (dict(topk=(0, 1)), 'topk'),
    ],
)
def test_what_cannot_be_compared_is_refused(change, message):
    arguments = (
        dict(
            queries=torch.ones(2, 3),
            query_labels=torch.zeros(2),
            gallery=torch.ones(5, 3),
            gallery_labels=torch.zeros(5),
            topk=(1,),
        )
        | change
    )
    with pytest.raises(ValueError, match=message):
        retrieval_topk(**arguments)


def print_memory_of_a_search() -> None:
    """In megabytes, beyond what the process has."""
    queries, gallery = torch.randn(2000, 8), torch.randn(60000, 8)
    labels = torch.arange(60000) % 50
    retrieval_topk(queries[:9], labels[:9], gallery[:9], labels[:9], (1,))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    retrieval_topk(queries, labels[:2000], gallery, labels, (1,))
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)


def test_memory_stays_bounded_whatever_the_size(tmp_path):
    """One float64 row of distances for each of 2000 queries over 60000 vectors would be 960 MB."""
    assert 0 < int(call(print_memory_of_a_search, folder=tmp_path).stdout) < 250


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')
def test_a_gpu_gives_the_same_ranks():
    data = duplicated_set()
    assert torch.equal(first_hit_ranks(*(tensor.cuda() for tensor in data)).cpu(), first_hit_ranks(*data))
