"""Class names, and the choice of labelled videos."""

import logging
import random
from collections import defaultdict
from collections.abc import Sequence

from mmengine.logging import print_log

from kdtoolbox.datasets.annotations import Annotation

UNLABELLED = -1


def settle_classes(
    annotations: list[Annotation], *, configured: Sequence[str] | str | None, annotated: list[str] | None, source: str
) -> list[str]:
    """Class names in label order: the configured ones, or those the annotation files tell, or the labels, sorted.

    Names that differ only in case or spaces are named in a warning.

    Raises:
        ValueError: a class has no name or that of another, a label is none of the classes, or what is configured is the
            name of a file that is not there.
    """
    if isinstance(configured, str):  # mmengine has replaced it by the file's lines where there is the file
        raise ValueError(
            f'metainfo classes={configured!r}: expected class names in label order or a file that lists '
            'them, one on a line; there is no such file'
        )
    labels = {annotation.label for annotation in annotations if annotation.label is not None}
    classes = list(configured or annotated or sorted(labels))
    _check_names(classes, source)
    unknown = sorted(labels - set(classes))
    if unknown:
        raise ValueError(
            f'{source} has videos labelled {unknown[:5]}, none of the {len(classes)} classes '
            f'{classes[:3]} …: give all classes in metainfo, or correct the annotations'
        )
    return classes


def _check_names(classes: list, source: str) -> None:
    unnamed = [name for name in classes if not isinstance(name, str) or not name.strip()]
    if unnamed:
        raise ValueError(
            f'{source} has a class called {unnamed[0]!r}: classes are names, in quotes in JSON, and a list '
            'of them has no blank line'
        )
    if len(set(classes)) < len(classes):
        repeated = next(name for number, name in enumerate(classes) if name in classes[:number])
        raise ValueError(
            f'{source} has the class {repeated!r} twice among its {len(classes)} classes: a label is the '
            'place in this list, so name each class once'
        )
    alike: dict[str, list[str]] = defaultdict(list)
    for name in classes:
        alike[' '.join(name.casefold().split())].append(name)
    doubtful = [names for names in alike.values() if len(names) > 1]
    if doubtful:
        print_log(
            f'{source}: the classes {", ".join(map(repr, doubtful[0]))} differ only in case or spaces and count '
            f'as different classes ({len(doubtful)} such names)',
            'current',
            logging.WARNING,
        )


def report_unused_classes(samples: list[dict], classes: Sequence[str], source: str) -> None:
    """Name the classes without a training video in a warning; of data without any label there is nothing to say."""
    used = {sample['label'] for sample in samples} - {UNLABELLED}
    unused = [name for label, name in enumerate(classes) if label not in used]
    if used and unused:
        print_log(
            f'{len(unused)} of the {len(classes)} classes of {source} have no training video, among them '
            f'{", ".join(unused[:3])}: nothing can learn them',
            'current',
            logging.WARNING,
        )


def keep_labels(
    samples: list[dict], labels_per_class: int, *, seed: int, keep_others: bool, classes: Sequence[str]
) -> list[dict]:
    """Keep the label of ``labels_per_class`` samples of each class; the others go, or stay without a label.

    Raises:
        ValueError: a class has fewer labelled samples, or the number is not 1 or more.
    """
    if isinstance(labels_per_class, bool) or not isinstance(labels_per_class, int) or labels_per_class < 1:
        raise ValueError(f'labels_per_class={labels_per_class!r}: expected a whole number, 1 or more')
    by_label: dict[int, list[str]] = defaultdict(list)
    for sample in samples:
        if sample['label'] != UNLABELLED:
            by_label[sample['label']].append(sample['sample_id'])
    chosen: set[str] = set()
    for label, name in enumerate(classes):
        sample_ids = by_label[label]
        if len(sample_ids) < labels_per_class:
            raise ValueError(
                f'labels_per_class={labels_per_class}, but the class {name!r} has only '
                f'{len(sample_ids)} labelled videos'
            )
        shuffled = sorted(sample_ids)
        random.Random(f'{seed} {label}').shuffle(shuffled)
        chosen.update(shuffled[:labels_per_class])
    if keep_others:
        return [sample if sample['sample_id'] in chosen else sample | {'label': UNLABELLED} for sample in samples]
    return [sample for sample in samples if sample['sample_id'] in chosen]
