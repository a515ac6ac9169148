"""The retrieval metric as mmengine runs it."""

import math

import pytest
import torch
from mmengine.evaluator import Evaluator
from mmengine.logging import MMLogger
from scipy.stats import hypergeom

from kdtoolbox.evaluation.clip_retrieval import chance_topk
from kdtoolbox.registry import METRICS


def sample(name, role, label, features):
    return {
        'sample_id': name,
        'role': role,
        'gt_labels': {'item': torch.tensor([label])},
        'clip_features': torch.tensor(features),
    }


def videos():
    """Query q0 finds its class at once, q1 at the second place."""
    return [
        sample('g0', 'gallery', 0, [1.0, 0.0]),
        sample('g1', 'gallery', 1, [0.0, 1.0]),
        sample('g2', 'gallery', 0, [0.6, 0.8]),
        sample('q0', 'query', 0, [2.0, 0.1]),
        sample('q1', 'query', 1, [0.7, 0.9]),
    ]


def evaluate(samples, **options):
    metric = METRICS.build(dict(type='ClipRetrieval', **options))
    evaluator = Evaluator(metric)
    for start in range(0, len(samples), 2):
        metric.process(None, samples[start : start + 2])
    return evaluator.evaluate(len(samples))


def test_shares_and_chance_are_those_computed_by_hand():
    result = evaluate(videos(), topk=(1, 2, 3))
    assert result == pytest.approx(
        {
            'retrieval/top1': 0.5,
            'retrieval/top2': 1.0,
            'retrieval/top3': 1.0,
            'retrieval/chance_top1': (2 / 3 + 1 / 3) / 2,
            'retrieval/chance_top2': (1 + 2 / 3) / 2,
            'retrieval/chance_top3': 1.0,
        }
    )


def test_centred_on_the_gallery_a_part_that_all_vectors_share_does_not_matter():
    shifted = [one | {'clip_features': one['clip_features'] + 50.0} for one in videos()]
    centred = evaluate(videos(), topk=(1, 2), centre='gallery', prefix='centred')
    assert evaluate(shifted, topk=(1, 2), centre='gallery', prefix='centred') == centred
    # By hand: less the gallery's mean (0.53, 0.6), q1 (0.17, 0.3) is nearest to g2 (0.07, 0.2), then g1 (-0.53, 0.4).
    assert (centred['centred/top1'], centred['centred/top2']) == (0.5, 1.0)
    assert evaluate(shifted, topk=(1,))['retrieval/top1'] == 0.5
    with pytest.raises(ValueError, match='expected .gallery.'):
        evaluate(videos(), centre='queries')


def test_a_repeated_video_counts_once():
    repeated = videos() + videos()[3:4] * 3 + videos()[:1]
    assert evaluate(repeated, topk=(1, 2)) == evaluate(videos(), topk=(1, 2))


def test_every_video_counts_whatever_the_batch_size():
    many = [sample(f'g{n}', 'gallery', n % 7, [float(n), 1.0]) for n in range(35)]
    many += [sample(f'q{n}', 'query', 0, [1.0, 0.0]) for n in range(12)] + [sample('q', 'query', 6, [1.0, 0.0])]
    assert evaluate(many, topk=(1,))['retrieval/top1'] == pytest.approx(1 / 13)  # only g34, of class 6, is nearest


def test_chance_is_the_hypergeometric_probability():
    generator = torch.Generator().manual_seed(0)
    query_labels, gallery_labels = (torch.randint(51, (size,), generator=generator) for size in (1530, 3570))
    gallery_labels[gallery_labels == 50] = 0  # a class that only queries have
    counts = gallery_labels.bincount(minlength=51)
    chances = chance_topk(query_labels, gallery_labels, (1, 5, 50, 4000))
    for k in (1, 5, 50):
        expected = sum(1 - hypergeom.pmf(0, 3570, counts[label].item(), k) for label in query_labels) / 1530
        assert chances[k] == pytest.approx(expected, rel=1e-9)
    assert chances[4000] == pytest.approx((query_labels != 50).double().mean().item())


def test_chance_keeps_its_digits_for_a_rare_class_in_a_large_gallery():
    gallery_labels = torch.zeros(240_000, dtype=torch.int64)
    gallery_labels[0] = 1
    assert chance_topk(torch.tensor([1]), gallery_labels, (1, 50)) == pytest.approx(
        {1: 1 / 240_000, 50: 50 / 240_000}, rel=1e-12
    )


def test_k_beyond_the_gallery_takes_all_of_it():
    result = evaluate(videos(), topk=(3, 50))
    assert result['retrieval/top50'] == result['retrieval/top3'] == result['retrieval/chance_top50'] == 1


@pytest.mark.parametrize(
    'samples, message',
    [
        (videos()[:3], '3 gallery and 0 query videos.*ConcatDataset'),
        (videos()[3:], "0 gallery and 2 query videos.*role='gallery'"),
        ([sample('nan', 'query', 0, [float('nan'), 1.0])], "'nan': clip_features are not finite"),
        ([sample('dead', 'gallery', 0, [0.0, 0.0])], "'dead': clip_features are all zero"),
        ([sample('map', 'gallery', 0, [[1.0], [1.0]])], r"'map': clip_features \(2, 1\), expected \(C,\)"),
        ([sample('free', 'gallery', -1, [1.0, 0.0])], r"'free' has the labels \[-1\].*labelled"),
        ([sample('lost', 'training', 0, [1.0, 0.0])], "'lost'.*role 'training', expected.*'gallery' or 'query'"),
        ([{key: value for key, value in videos()[0].items() if key != 'role'}], 'role None'),
        ([{key: value for key, value in videos()[0].items() if key != 'clip_features'}], "'g0' has no clip_features"),
        (videos() + [sample('q0', 'query', 1, [1.0, 0.0])], "sample_id 'q0' stands for samples labelled 0 and 1"),
    ],
)
def test_samples_that_cannot_be_scored_are_named(samples, message):
    with pytest.raises(ValueError, match=message):
        evaluate(samples)


@pytest.mark.parametrize('topk', [(), (0, 5)])
def test_a_topk_without_neighbours_is_refused_when_built(topk):
    with pytest.raises(ValueError, match='topk'):
        METRICS.build(dict(type='ClipRetrieval', topk=topk))


def test_chance_of_a_class_that_the_gallery_lacks_is_plain_zero():
    chance = chance_topk(torch.tensor([1]), torch.tensor([0]), (1,))[1]
    assert chance == 0 and math.copysign(1, chance) == 1


@pytest.mark.parametrize(
    'metric, what', [('ClipRetrieval', 'retrieval'), ('KNNAccuracy', 'k-NN'), ('LinearProbeAccuracy', 'linear probe')]
)
def test_queries_of_a_class_that_the_gallery_lacks_are_named_in_every_metric_of_features(metric, what, monkeypatch):
    said = []
    monkeypatch.setattr(MMLogger, 'warning', lambda _, message: said.append(message))
    built = METRICS.build(dict(type=metric))
    gallery = [sample(f'g{n}', 'gallery', n % 2, [float(n), 1.0]) for n in range(8)]
    built.process(None, gallery + [sample('q0', 'query', 0, [1.0, 0.0]), sample('lost', 'query', 7, [1.0, 0.5])])
    built.evaluate(10)
    assert [message for message in said if 'has no video of' in message] == [
        f"{what}: the gallery has no video of 1 classes, number [7]; all their 1 queries, such as 'lost', "
        'count as wrong'
    ]
