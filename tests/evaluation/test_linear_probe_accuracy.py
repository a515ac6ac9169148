"""Accuracy of a linear probe, against scikit-learn's logistic regression."""

import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from kdtoolbox.evaluation import linear_probe_accuracy
from kdtoolbox.registry import METRICS
from tests.evaluation.samples import clustered, evaluate, sample


def tensors_of(samples):
    return [
        tensor
        for role in ('query', 'gallery')
        for part in [[one for one in samples if one['role'] == role]]
        for tensor in (
            torch.stack([one['clip_features'] for one in part]),
            torch.cat([one['gt_labels']['item'] for one in part]),
        )
    ]


def test_accuracy_is_that_of_scikit_learns_classifier_of_the_chosen_strength():
    queries, query_labels, gallery, gallery_labels = tensors_of(clustered(120, 80, spread=2.0))
    found = linear_probe_accuracy(queries, query_labels, gallery, gallery_labels)
    scaler = StandardScaler().fit(gallery.double())
    reference = LogisticRegression(C=1 / (120 * found['l2']), tol=1e-8, max_iter=10_000)
    reference.fit(scaler.transform(gallery.double()), gallery_labels)
    assert found['top1'] == reference.score(scaler.transform(queries.double()), query_labels)
    assert 0.4 < found['top1'] < 1 and found['top5'] == 1


def test_the_queries_labels_do_not_change_what_is_fitted():
    tensors = tensors_of(clustered(spread=2.0))
    shifted = [tensors[0], (tensors[1] + 1) % 4, *tensors[2:]]
    assert linear_probe_accuracy(*tensors)['l2'] == linear_probe_accuracy(*shifted)['l2']


def test_separable_features_are_told_apart_whatever_their_class_numbers():
    samples = clustered(spread=0.01)
    tensors = tensors_of(samples)
    renamed = [tensors[0], 10 + 3 * tensors[1], tensors[2], 10 + 3 * tensors[3]]
    assert linear_probe_accuracy(*tensors)['top1'] == linear_probe_accuracy(*renamed)['top1'] == 1


def test_a_query_of_a_class_that_the_gallery_lacks_is_wrong():
    samples = clustered(spread=0.01) + [sample('new', 'query', 9, features=torch.ones(8))]
    result = evaluate(METRICS.build(dict(type='LinearProbeAccuracy')), samples)
    assert result['linear/top1'] == pytest.approx(40 / 41) and result['linear/chance'] == 0.25


def test_a_gallery_with_one_video_a_class_is_refused():
    with pytest.raises(ValueError, match='l2 cannot be chosen by cross-validation'):
        evaluate(METRICS.build(dict(type='LinearProbeAccuracy')), clustered(4, 8))
