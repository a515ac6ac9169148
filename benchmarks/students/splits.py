"""Which videos a run of the study learns from, and on which it is judged."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from views_cache import Views

from kdtoolbox.datasets.labels import UNLABELLED, keep_labels

# UCF-101's groups of the training list that are held out for validation, in turn: every training clip is held out once.
VALIDATION_GROUPS = ((13, 14, 15, 16), (17, 18, 19, 20), (21, 22, 23, 24, 25))


@dataclass(frozen=True)
class Split:
    """Positions among the videos of :class:`Views`.

    Args:
        training: the gallery too.
        queries: held out.
        labels: (V,), -1 where the training does not know it.
    """

    training: Tensor
    queries: Tensor
    labels: Tensor


def split_of(views: Views, *, seed: int, on_test: bool, labels_per_class: int | None) -> Split:
    """The split of one run.

    Args:
        seed: of the choice of labels; on validation, also of the part that is held out.
        on_test: learn from the whole training list and judge on the test list; else on held-out training groups.
        labels_per_class: 0 for none, None for all.
    """
    held_out = views.is_test if on_test else _in_groups(views, VALIDATION_GROUPS[seed % len(VALIDATION_GROUPS)])
    training = (~held_out & ~views.is_test).nonzero().flatten()
    labels = torch.full_like(views.labels, UNLABELLED)
    if labels_per_class is None:
        labels[training] = views.labels[training]
    elif labels_per_class:
        samples = [
            {'sample_id': views.names[index], 'label': int(views.labels[index]), 'index': index}
            for index in training.tolist()
        ]
        kept = keep_labels(samples, labels_per_class, seed=seed, keep_others=False, classes=views.classes)
        for sample in kept:
            labels[sample['index']] = sample['label']
    return Split(training, held_out.nonzero().flatten(), labels)


def _in_groups(views: Views, groups: Sequence[int]) -> Tensor:
    return torch.isin(views.groups, torch.tensor(groups)) & ~views.is_test
