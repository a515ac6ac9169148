"""Accuracy over query samples."""

import pytest
import torch
from mmaction.evaluation import AccMetric
from mmaction.structures import ActionDataSample
from sklearn.metrics import balanced_accuracy_score, top_k_accuracy_score

from kdtoolbox.registry import METRICS


def samples(num_samples=40, num_classes=7, role='query', prefix='q', seed=0):
    """As a recognizer gives them: data samples turned into dicts."""
    generator = torch.Generator().manual_seed(seed)
    made = []
    for number in range(num_samples):
        data_sample = ActionDataSample(metainfo=dict(sample_id=f'{prefix}{number}', role=role))
        data_sample.set_gt_labels(number % num_classes)
        data_sample.set_pred_score(torch.randn(num_classes, generator=generator))
        made.append(data_sample.to_dict())
    return made


def evaluate(data_samples):
    metric = METRICS.build(dict(type='QueryAccuracy'))
    metric.process(None, data_samples)
    return metric.evaluate(len(data_samples))


def test_accuracy_is_scikit_learns():
    queries = samples()
    scores = torch.stack([query['pred_scores']['item'] for query in queries])
    labels = [query['gt_labels']['item'].item() for query in queries]
    assert evaluate(queries) == pytest.approx(
        {
            'acc/top1': top_k_accuracy_score(labels, scores, k=1),
            'acc/top5': top_k_accuracy_score(labels, scores, k=5),
            'acc/mean1': balanced_accuracy_score(labels, scores.argmax(1)),
            'acc/chance': 1 / 7,
        }
    )


def test_gallery_samples_and_repeated_ones_do_not_count():
    queries = samples()
    mixed = samples(30, role='gallery', prefix='g', seed=1) + queries + queries[:3]
    assert evaluate(mixed) == evaluate(queries)


def test_every_sample_keeps_its_place_so_that_merging_processes_drops_none():
    metric = METRICS.build(dict(type='QueryAccuracy'))
    mixed = samples(3, role='gallery') + samples(2)
    metric.process(None, mixed)
    assert len(metric.results) == len(mixed)


def test_samples_without_role_or_name_count_as_in_mmaction2():
    plain = [{key: value for key, value in query.items() if key not in ('role', 'sample_id')} for query in samples()]
    reference = AccMetric()
    reference.process(None, plain)
    expected = reference.evaluate(len(plain))
    result = evaluate(plain)
    assert {name: result[name] for name in expected} == pytest.approx(expected)


def test_fewer_than_five_classes_are_scored():
    assert evaluate(samples(num_classes=3))['acc/top5'] == 1


@pytest.mark.parametrize('label, right', [(0, 0), (1, 1), (2, 0)])
def test_of_equal_scores_the_lowest_class_counts_in_every_metric(label, right):
    queries = [
        dict(
            sample_id='a',
            role='query',
            gt_labels={'item': torch.tensor([label])},
            pred_scores={'item': torch.tensor([0.1, 0.4, 0.4, 0.1])},
        )
    ]
    confusion = METRICS.build(dict(type='QueryConfusion'))
    confusion.process(None, queries)
    found = evaluate(queries)
    assert found['acc/top1'] == found['acc/mean1'] == confusion.evaluate(1)['confusion/mean_recall'] == right


def test_classes_that_tie_for_the_fifth_place_are_taken_in_label_order():
    def top5(label):
        return evaluate(
            [
                dict(
                    sample_id='a',
                    role='query',
                    gt_labels={'item': torch.tensor([label])},
                    pred_scores={'item': torch.zeros(8)},
                )
            ]
        )['acc/top5']

    assert [top5(label) for label in range(8)] == [1, 1, 1, 1, 1, 0, 0, 0]


def without(key):
    return [{name: value for name, value in query.items() if name != key} for query in samples(2)]


def changed(key, value):
    return [samples(1)[0] | {key: {'item': value}}]


@pytest.mark.parametrize(
    'data_samples, message',
    [
        (samples(4, role='gallery'), 'none of 4 samples is a query'),
        (without('pred_scores'), "'q0' has no pred_scores"),
        (without('gt_labels'), r"'q0' has the labels \[\]"),
        (changed('gt_labels', torch.tensor([-1])), r"'q0' has the labels \[-1\].*-1 marks unlabelled"),
        (changed('gt_labels', torch.tensor([7])), "'q0' has the label 7, but the model gives scores for 7 classes"),
        (changed('pred_scores', torch.full((7,), float('nan'))), "'q0': pred_scores.*not finite"),
    ],
)
def test_samples_that_cannot_be_scored_are_named(data_samples, message):
    with pytest.raises(ValueError, match=message):
        evaluate(data_samples)


def test_scores_of_other_classes_than_the_data_sets_are_refused():
    from kdtoolbox.evaluation.metric_samples import scores_and_labels

    queries = [{'sample_id': 'a', 'label': 0, 'scores': torch.zeros(1000)}]
    with pytest.raises(ValueError, match=r'1000 classes, the data set 3 \(x … z\).*Retrieval, knn and linear'):
        scores_and_labels(queries, {'classes': ['x', 'y', 'z']})
    assert scores_and_labels(queries, {'classes': None})[0].shape == (1, 1000)
