"""Calibration errors, against scikit-learn and counted by hand."""

import pytest
import torch
from sklearn.calibration import calibration_curve
from sklearn.metrics import log_loss

from kdtoolbox.evaluation import calibration_errors
from kdtoolbox.registry import METRICS
from tests.evaluation.samples import evaluate, sample


def predictions(num_samples=400, num_classes=6, seed=0):
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(num_samples, num_classes, generator=generator)
    return logits, torch.randint(num_classes, (num_samples,), generator=generator)


def test_errors_are_those_counted_by_hand():
    probabilities = torch.tensor([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7]])
    errors = calibration_errors(probabilities, torch.tensor([0, 1, 1]), num_bins=2)
    # one bin: 2 of 3 right, mean probability 0.8
    assert errors['ece'] == pytest.approx(abs(2 / 3 - 0.8))
    assert errors['brier'] == pytest.approx((0.02 + 2 * 0.64 + 2 * 0.09) / 3)
    assert errors['nll'] == pytest.approx(-torch.tensor([0.9, 0.2, 0.7]).log().mean().item())


def test_a_confidence_on_the_edge_belongs_to_the_bin_below():
    errors = calibration_errors(torch.tensor([[0.75, 0.25], [0.76, 0.24]]), torch.tensor([0, 1]), num_bins=4)
    assert errors['ece'] == pytest.approx((0.25 + 0.76) / 2)  # together, in one bin, they would be at 0.255


def test_errors_are_scikit_learns():
    logits, labels = predictions()
    probabilities = logits.double().softmax(1)
    confidence, predicted = probabilities.max(1)
    right = predicted == labels
    shares, means = calibration_curve(right, confidence, n_bins=15)
    counts = torch.histc(confidence, 15, 0, 1).numpy()
    expected = (abs(shares - means) * counts[counts > 0]).sum() / len(labels)
    errors = calibration_errors(probabilities, labels)
    assert errors['ece'] == pytest.approx(expected, rel=1e-9)
    assert errors['nll'] == pytest.approx(log_loss(labels, probabilities), rel=1e-9)


def test_a_student_that_is_as_often_right_as_it_says_has_no_error():
    probabilities = torch.tensor([[0.75, 0.25]] * 4)
    assert calibration_errors(probabilities, torch.tensor([0, 0, 0, 1]))['ece'] == pytest.approx(0, abs=1e-12)


def test_a_label_of_probability_zero_costs_much_but_not_everything():
    assert calibration_errors(torch.tensor([[1.0, 0.0]]), torch.tensor([1]))['nll'] == pytest.approx(87.34, abs=0.01)


def as_samples(scores, labels):
    return [
        sample(f'q{n}', 'query', label, scores=score) for n, (score, label) in enumerate(zip(scores, labels.tolist()))
    ]


def test_logits_and_their_probabilities_are_scored_alike_and_the_gallery_not():
    logits, labels = predictions()
    expected = {
        f'calibration/{name}': pytest.approx(value, rel=1e-6)
        for name, value in calibration_errors(logits.softmax(1), labels).items()
    }
    gallery = [sample('g0', 'gallery', 3)]
    for average, scores in (('score', logits), ('prob', logits.softmax(1))):
        metric = METRICS.build(dict(type='Calibration', average_clips=average))
        assert evaluate(metric, gallery + as_samples(scores, labels)) == expected


def test_logits_that_look_like_probabilities_are_logits_if_the_head_says_so():
    logits, labels = torch.tensor([[0.2, 0.8], [0.5, 0.5]]), torch.tensor([0, 1])
    found = evaluate(METRICS.build(dict(type='Calibration', average_clips='score')), as_samples(logits, labels))
    assert found['calibration/nll'] == pytest.approx(torch.nn.functional.cross_entropy(logits, labels).item(), rel=1e-6)


def test_small_sets_of_logits_of_few_classes_are_never_taken_for_anything_else():
    for seed in range(20):  # a guess from the values was wrong in 4 of 20
        generator = torch.Generator().manual_seed(seed)
        logits = torch.rand(300, 2, generator=generator)
        labels = torch.randint(2, (300,), generator=generator)
        found = evaluate(METRICS.build(dict(type='Calibration', average_clips='score')), as_samples(logits, labels))
        expected = torch.nn.functional.cross_entropy(logits, labels).item()
        assert found['calibration/nll'] == pytest.approx(expected, rel=1e-5)


def test_scores_that_are_no_probabilities_are_refused_where_the_head_promises_some():
    samples = as_samples(torch.tensor([[0.25, 0.75], [3.0, -1.0]]), torch.tensor([0, 1]))
    with pytest.raises(ValueError, match="average_clips='prob', but 1 of 2 score vectors are no probabilities"):
        evaluate(METRICS.build(dict(type='Calibration', average_clips='prob')), samples)


@pytest.mark.parametrize('average', [None, 'mean'])
def test_a_metric_of_probabilities_that_is_not_told_what_scores_are_is_not_built(average):
    with pytest.raises(ValueError, match=f"Calibration.average_clips={average!r}.: expected 'prob' or 'score'"):
        METRICS.build(dict(type='Calibration', average_clips=average))


def test_no_bins_are_refused():
    with pytest.raises(ValueError, match='num_bins=0'):
        METRICS.build(dict(type='Calibration', average_clips='prob', num_bins=0))
