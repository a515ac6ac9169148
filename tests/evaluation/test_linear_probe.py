"""The linear probe against scikit-learn."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from kdtoolbox.evaluation import linear_probe
from kdtoolbox.evaluation.linear_probe import L2_GRID, choose_l2, fit_linear_probe, stratified_folds
from kdtoolbox.evaluation.newton import suits_newton


def blobs(num_per_class=20, num_components=12, num_classes=4, seed=0, spread=1.5):
    """Classes around random centres, components of very different size and offset."""
    generator = torch.Generator().manual_seed(seed)
    centres = torch.randn(num_classes, num_components, generator=torch.Generator().manual_seed(99))
    labels = torch.arange(num_classes).repeat(num_per_class)
    features = centres[labels] + spread * torch.randn(len(labels), num_components, generator=generator)
    return (features * torch.logspace(-3, 3, num_components) + 5).double(), labels


@pytest.mark.parametrize('num_per_class, num_components', [(20, 12), (2, 60)])
@pytest.mark.parametrize('l2', [1.0, 0.01])
@pytest.mark.parametrize('method', ['newton', 'lbfgs'])
def test_probabilities_are_those_of_scikit_learn(num_per_class, num_components, l2, method, monkeypatch):
    if method == 'lbfgs':
        monkeypatch.setattr(linear_probe, 'suits_newton', lambda *sizes: False)
    features, labels = blobs(num_per_class, num_components)
    weight, bias = fit_linear_probe(features, labels, num_classes=4, l2=l2)
    reference = make_pipeline(StandardScaler(), LogisticRegression(C=1 / (len(labels) * l2), tol=1e-10, max_iter=10000))
    expected = reference.fit(features, labels).predict_proba(features)
    np.testing.assert_allclose((features @ weight.T + bias).softmax(1), expected, atol=2e-5)


def test_the_gradient_vanishes_at_what_is_found():
    features, labels = blobs()
    standard = (features - features.mean(0)) / features.std(0, correction=0)
    weight, bias = fit_linear_probe(features, labels, num_classes=4, l2=0.1)
    scaled = (weight * features.std(0, correction=0)).requires_grad_()
    shifted = (bias + weight @ features.mean(0)).requires_grad_()
    loss = torch.nn.functional.cross_entropy(standard @ scaled.T + shifted, labels) + 0.05 * scaled.square().sum()
    assert all(gradient.abs().max() < 1e-6 for gradient in torch.autograd.grad(loss, (scaled, shifted)))


def test_newton_comes_closer_to_the_minimum_than_lbfgs_also_without_samples_of_a_class(monkeypatch):
    """Of separable classes, from strong to weak: the fits of one path start from one another."""
    features, labels = blobs(num_per_class=3, num_components=40, spread=0.3)
    paths = []
    for is_small in (suits_newton, lambda *sizes: False):
        monkeypatch.setattr(linear_probe, 'suits_newton', is_small)
        paths.append(linear_probe._fit_path(features, labels, num_classes=5, strengths=L2_GRID))
    for (weight, bias), (of_lbfgs, _), l2 in zip(*paths, L2_GRID):
        scale = features.std(0, correction=0)
        standard = (features - features.mean(0)) / scale
        scaled, shifted = (weight * scale).requires_grad_(), (bias + weight @ features.mean(0)).requires_grad_()
        loss = torch.nn.functional.cross_entropy(standard @ scaled.T + shifted, labels)
        loss = loss + 0.5 * l2 * scaled.square().sum()
        assert all(gradient.abs().max() < 1e-9 for gradient in torch.autograd.grad(loss, (scaled, shifted))), l2
        assert ((scaled - of_lbfgs * scale).norm() / scaled.norm()).item() < 0.02, l2


def test_few_labels_and_many_components_beat_the_nearest_mean():
    features, labels = blobs(num_per_class=3, num_components=1280, num_classes=10, spread=4)
    test_features, test_labels = blobs(num_per_class=20, num_components=1280, num_classes=10, spread=4, seed=1)
    weight, bias = fit_linear_probe(features, labels, num_classes=10)
    accuracy = ((test_features @ weight.T + bias).argmax(1) == test_labels).double().mean()
    means = torch.stack([features[labels == label].mean(0) for label in range(10)])
    nearest_mean = (torch.cdist(test_features, means).argmin(1) == test_labels).double().mean()
    assert accuracy > max(0.9, nearest_mean)


def test_a_constant_component_gets_no_weight_and_does_no_harm():
    features, labels = blobs()
    with_constant = torch.cat([features, torch.full((len(features), 1), 0.1, dtype=torch.float64)], 1)
    weight, bias = fit_linear_probe(with_constant, labels, num_classes=4, l2=0.1)
    expected_weight, expected_bias = fit_linear_probe(features, labels, num_classes=4, l2=0.1)
    torch.testing.assert_close(weight[:, :-1], expected_weight, rtol=1e-4, atol=1e-5)
    assert weight[:, -1].abs().max() < 1e-6
    torch.testing.assert_close(bias, expected_bias, rtol=1e-4, atol=1e-5)


def test_noise_is_answered_by_a_strong_penalty_and_clear_classes_by_a_weak_one():
    generator = torch.Generator().manual_seed(0)
    noise, labels = torch.randn(60, 30, generator=generator), torch.arange(60) % 3
    clear, clear_labels = blobs(spread=0.1)
    assert choose_l2(noise, labels, num_classes=3) >= 1
    assert choose_l2(clear, clear_labels, num_classes=4) == min(L2_GRID)


def test_the_same_seed_gives_the_same_probe():
    features, labels = blobs(num_per_class=5)
    one, other = (fit_linear_probe(features, labels, num_classes=4, seed=3) for _ in range(2))
    assert torch.equal(one[0], other[0]) and torch.equal(one[1], other[1])


def test_folds_spread_each_class_evenly_and_keep_groups_whole():
    labels = torch.arange(4).repeat_interleave(30)
    groups = [f'class{label}-video{clip // 3}' for label in range(4) for clip in range(30)]  # three clips a video
    folds = stratified_folds(labels, groups=groups)
    assert all(folds[labels == label].bincount().tolist() == [6] * 5 for label in range(4))
    assert all(len({fold for fold, name in zip(folds.tolist(), groups) if name == group}) == 1 for group in set(groups))
    assert not torch.equal(folds, stratified_folds(labels, groups=groups, seed=1))


def test_groups_keep_copies_of_a_clip_from_choosing_too_weak_a_penalty():
    generator = torch.Generator().manual_seed(0)
    features, labels = torch.randn(40, 50, generator=generator).repeat(5, 1), (torch.arange(40) % 2).repeat(5)
    groups = list(range(40)) * 5
    assert choose_l2(features, labels, num_classes=2, groups=groups) > choose_l2(features, labels, num_classes=2)


def test_float32_features_give_a_float32_probe():
    features, labels = blobs()
    weight, bias = fit_linear_probe(features.float(), labels, num_classes=4, l2=0.1)
    assert (weight.dtype, bias.dtype) == (torch.float32, torch.float32)
    assert (weight.shape, bias.shape) == ((4, 12), (4,))


@pytest.mark.parametrize(
    'change, message',
    [
        (dict(labels=torch.tensor([0, 1, -1])), '-1 marks unlabelled'),
        (dict(labels=torch.tensor([0, 1, 2])), 'labels run from 0 to 2, expected 0 to 1'),
        (dict(labels=torch.tensor([1, 1, 1])), r'1 of 2 classes have no sample, such as \[0\]'),
        (dict(labels=torch.tensor([0, 1])), r'features \(3, 2\) with labels \(2,\)'),
        (dict(features=torch.tensor([[1.0, float('inf')]] * 3)), '3 of 3 feature vectors are not finite'),
        (dict(groups=['a']), '1 groups for 3 samples'),
        (dict(l2=0.0), 'l2=0.0'),
        (dict(features=torch.eye(2), labels=torch.tensor([0, 1])), 'cannot be chosen by cross-validation'),
    ],
)
def test_what_cannot_be_fitted_is_refused(change, message):
    arguments = dict(features=torch.eye(3)[:, :2], labels=torch.tensor([0, 1, 1]), num_classes=2) | change
    with pytest.raises(ValueError, match=message):
        fit_linear_probe(**arguments)


@pytest.mark.parametrize('dtype', [torch.float16, torch.float32, torch.float64])
def test_tiny_features_give_finite_weights_that_tell_the_classes_apart(dtype):
    features = (torch.tensor([[0.0], [1.0], [2.0], [3.0]]) * 6e-8 * 4).to(dtype)  # float16 has nothing below 6e-8
    weight, bias = fit_linear_probe(features, torch.tensor([0, 0, 1, 1]), num_classes=2, l2=0.01)
    assert weight.isfinite().all() and bias.isfinite().all()
    assert weight.dtype == torch.promote_types(dtype, torch.float32)
    assert (features.to(weight.dtype) @ weight.T + bias).argmax(1).tolist() == [0, 0, 1, 1]


def test_features_too_small_for_their_dtype_are_refused():
    features = torch.tensor([[0.0], [1.0], [2.0], [3.0]]) * 1e-39
    with pytest.raises(ValueError, match='so small that the weights exceed torch.float32'):
        fit_linear_probe(features, torch.tensor([0, 0, 1, 1]), num_classes=2, l2=0.01)
