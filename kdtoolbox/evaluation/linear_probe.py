"""A linear probe: multinomial logistic regression on frozen features."""

from collections.abc import Hashable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from kdtoolbox.evaluation.newton import newton, suits_newton

L2_GRID = tuple(10.0**power for power in (2, 1, 0, -1, -2, -3, -4, -5))  # strong to weak: each fit starts at the last
NUM_FOLDS = 5
SMALL_GRADIENT = 1e-7  # its largest component, where a fit ends


def fit_linear_probe(
    features: Tensor,
    labels: Tensor,
    *,
    num_classes: int,
    l2: float | None = None,
    groups: Sequence[Hashable] | None = None,
    seed: int = 0,
) -> tuple[Tensor, Tensor]:
    """Fit ``logits = features @ weight.T + bias`` by minimising ``mean cross-entropy + l2 / 2 * |weight|^2``.

    The penalty is on the weights of standardised features, and the standardisation is folded into what is returned,
    so both apply to raw features. The bias is not penalised. Everything is computed in float64.

    Args:
        features: (N, C).
        labels: (N,), every class at least once.
        l2: strength; scikit-learn's ``C`` is 1 / (N l2). By default the one of :data:`L2_GRID` with the least
            cross-entropy on held-out samples.
        groups: N names; samples of one group, such as clips of one video, are never split between fitting and held out.
        seed: of the division into folds.

    Returns:
        weight (K, C) and bias (K,), in the dtype of the features, but at least float32: tiny features have large
        weights.

    Raises:
        ValueError: shapes, labels or features do not fit, a class has no sample, the features are too small for
            their dtype, or ``l2`` is not given and there is too little to hold out: no two classes with two groups.

    >>> weight, bias = fit_linear_probe(torch.tensor([[0.], [1.], [2.], [3.]]), torch.tensor([0, 0, 1, 1]),
    ...                                 num_classes=2, l2=0.01)
    >>> (torch.tensor([[0.5], [2.5]]) @ weight.T + bias).argmax(1)
    tensor([0, 1])
    """
    _check(features, labels, num_classes=num_classes, groups=groups)
    labels = labels.long()
    if l2 is None:
        l2 = choose_l2(features, labels, num_classes=num_classes, groups=groups, seed=seed)
    elif not l2 > 0:
        raise ValueError(f'l2={l2}: expected a number above 0, or None to choose it by cross-validation')
    weight, bias = _fit_path(features.double(), labels, num_classes=num_classes, strengths=[l2])[0]
    dtype = torch.promote_types(features.dtype, torch.float32)
    weight, bias = weight.to(dtype), bias.to(dtype)
    if not (weight.isfinite().all() and bias.isfinite().all()):
        raise ValueError(
            f'the features, at most {features.abs().max():.1e}, are so small that the weights exceed '
            f'{dtype}: give them in float64, or multiply them by a constant'
        )
    return weight, bias


def choose_l2(
    features: Tensor, labels: Tensor, *, num_classes: int, groups: Sequence[Hashable] | None = None, seed: int = 0
) -> float:
    """The strength of :data:`L2_GRID` with the least cross-entropy on held-out samples; arguments as above."""
    features = features.double()
    folds = stratified_folds(labels, groups=groups, seed=seed)
    held_out_loss = torch.zeros(len(L2_GRID), dtype=torch.float64, device=features.device)
    num_held_out = 0
    for fold in folds.unique():
        kept, held_out = folds != fold, folds == fold
        held_out &= torch.isin(labels, labels[kept])  # a class that was never seen tells nothing about l2
        if not held_out.any() or len(labels[kept].unique()) < 2:
            continue
        num_held_out += int(held_out.sum())
        path = _fit_path(features[kept], labels[kept], num_classes=num_classes, strengths=L2_GRID)
        held_out_loss += torch.stack(
            [
                F.cross_entropy(F.linear(features[held_out], weight, bias), labels[held_out], reduction='sum')
                for weight, bias in path
            ]
        )
    if not num_held_out:
        raise ValueError(
            'l2 cannot be chosen by cross-validation: it takes two classes or more with two samples '
            '(groups, where given) each. Label more, or give l2, such as 0.1'
        )
    return L2_GRID[int(held_out_loss.argmin())]


def stratified_folds(labels: Tensor, *, groups: Sequence[Hashable] | None = None, seed: int = 0) -> Tensor:
    """Fold (N,) of each sample: each class dealt out evenly in random order, whole groups at a time.

    There are :data:`NUM_FOLDS` of them, or as many as the largest class has groups. A group with samples of several
    classes goes with the class of its first.
    """
    names = list(range(len(labels))) if groups is None else list(groups)
    groups_of_class: dict[int, list[Hashable]] = {}
    class_of_group: dict[Hashable, int] = {}
    for name, label in zip(names, labels.tolist()):
        if name not in class_of_group:
            class_of_group[name] = label
            groups_of_class.setdefault(label, []).append(name)
    num_folds = min(NUM_FOLDS, max(map(len, groups_of_class.values())))
    generator = torch.Generator().manual_seed(seed)
    fold_of_group: dict[Hashable, int] = {}
    for label in sorted(groups_of_class):
        for place in torch.randperm(len(groups_of_class[label]), generator=generator).tolist():
            # Dealing goes on where the last class ended, so that folds stay even with few samples a class.
            fold_of_group[groups_of_class[label][place]] = len(fold_of_group) % num_folds
    return torch.tensor([fold_of_group[name] for name in names], device=labels.device)


def _fit_path(
    features: Tensor, labels: Tensor, *, num_classes: int, strengths: Sequence[float]
) -> list[tuple[Tensor, Tensor]]:
    """One (weight, bias) for each strength, each fit starting from the one before."""
    mean, scale = features.mean(0), features.std(0, correction=0)
    scale = torch.where(scale > 1e-12 * features.abs().amax(0), scale, torch.ones_like(scale))  # constant: no weight
    standard = (features - mean) / scale
    basis = None
    if len(standard) < standard.shape[1]:
        # The optimum is in the span of the samples: fit N coordinates instead of C components, the same problem.
        basis = torch.linalg.qr(standard.T).Q
        standard = standard @ basis
    weight = standard.new_zeros(num_classes, standard.shape[1], requires_grad=True)
    bias = standard.new_zeros(num_classes, requires_grad=True)
    path = []
    for strength in strengths:
        _minimise(standard, labels, weight, bias, l2=strength)
        found = weight.detach() if basis is None else weight.detach() @ basis.T
        raw = found / scale
        path.append((raw, bias.detach() - raw @ mean))
    return path


@torch.enable_grad()
def _minimise(features: Tensor, labels: Tensor, weight: Tensor, bias: Tensor, *, l2: float) -> None:
    """Move weight and bias, in place, to the minimum."""
    is_small = suits_newton(len(features), weight.numel() + bias.numel())
    if is_small and newton(features, labels, weight, bias, l2=l2) < SMALL_GRADIENT:
        return
    optimizer = torch.optim.LBFGS(
        [weight, bias],
        max_iter=300,
        history_size=20,
        tolerance_grad=SMALL_GRADIENT,
        tolerance_change=1e-10,
        line_search_fn='strong_wolfe',
    )

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(F.linear(features, weight, bias), labels) + 0.5 * l2 * weight.square().sum()
        loss.backward()
        return loss

    optimizer.step(closure)


def _check(features: Tensor, labels: Tensor, *, num_classes: int, groups: Sequence[Hashable] | None) -> None:
    if features.dim() != 2 or labels.shape != features.shape[:1] or not features.numel():
        raise ValueError(
            f'features {tuple(features.shape)} with labels {tuple(labels.shape)}: expected (N, C) and '
            '(N,), at least one'
        )
    if groups is not None and len(groups) != len(labels):
        raise ValueError(f'{len(groups)} groups for {len(labels)} samples: expected one a sample')
    if not features.isfinite().all():
        num_unfit = int((~features.isfinite()).any(1).sum())
        raise ValueError(f'{num_unfit} of {len(features)} feature vectors are not finite')
    if labels.min() < 0 or labels.max() >= num_classes:
        raise ValueError(
            f'labels run from {int(labels.min())} to {int(labels.max())}, expected 0 to '
            f'{num_classes - 1}; -1 marks unlabelled samples: leave them out'
        )
    missing = sorted(set(range(num_classes)) - set(labels.tolist()))
    if missing:
        raise ValueError(
            f'{len(missing)} of {num_classes} classes have no sample, such as {missing[:5]}: a probe '
            'cannot learn them; label at least one video of each'
        )
