"""Which classes there are, and which videos may keep their label."""

import random
from collections import defaultdict
from collections.abc import Sequence

from kdtoolbox.datasets.annotations import Annotation

UNLABELLED = -1


def settle_classes(annotations: list[Annotation], *, configured: Sequence[str] | str | None, told: list[str] | None,
                   source: str) -> list[str]:
    """Class names in label order: the configured ones, or those the annotation files tell, or the labels, sorted.

    Raises:
        ValueError: a label is none of them, or what is configured is the name of a file that is not there.
    """
    if isinstance(configured, str):  # mmengine has replaced it by the file's lines where there is the file
        raise ValueError(f'metainfo classes={configured!r}: expected class names in label order or a file that lists '
                         'them, one on a line; there is no such file')
    labels = {annotation.label for annotation in annotations} - {None}
    classes = list(configured or told or sorted(labels))
    unknown = sorted(labels - set(classes))
    if unknown:
        raise ValueError(f'{source} has videos labelled {unknown[:5]}, none of the {len(classes)} classes '
                         f'{classes[:3]} …: give all classes in metainfo, or correct the annotations')
    return classes


def keep_labels(samples: list[dict], labels_per_class: int, *, seed: int, keep_others: bool,
                classes: Sequence[str]) -> list[dict]:
    """Keep the label of ``labels_per_class`` samples of each class; the others go, or stay without a label.

    Raises:
        ValueError: a class has fewer labelled samples.
    """
    by_label: dict[int, list[str]] = defaultdict(list)
    for sample in samples:
        if sample['label'] != UNLABELLED:
            by_label[sample['label']].append(sample['sample_id'])
    chosen: set[str] = set()
    for label, sample_ids in sorted(by_label.items()):
        if len(sample_ids) < labels_per_class:
            raise ValueError(f'labels_per_class={labels_per_class}, but the class {classes[label]!r} has only '
                             f'{len(sample_ids)} labelled videos')
        shuffled = sorted(sample_ids)
        random.Random(f'{seed} {label}').shuffle(shuffled)
        chosen.update(shuffled[:labels_per_class])
    if keep_others:
        return [sample if sample['sample_id'] in chosen else sample | {'label': UNLABELLED} for sample in samples]
    return [sample for sample in samples if sample['sample_id'] in chosen]
