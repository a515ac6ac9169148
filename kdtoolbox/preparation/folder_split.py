"""A training and validation split of your own ``<class>/<video>`` folders."""

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from kdtoolbox.preparation.annotations import Annotations


def folder_annotations(
    videos: Sequence[str], *, validation_share: float = 0.2, seed: int = 0, group_separator: str = ''
) -> Annotations:
    """Split videos, named ``<class>/<stem>``, so that each class is divided in the same share.

    With ``group_separator`` the part of a stem before its last separator is the video's group, across classes; a
    group is never divided, and shares are met as nearly as whole groups allow. A class of which no group can be
    spared is in training only. The split depends on the names and the seed alone, not on the order.

    Raises:
        ValueError: the share is not between 0 and 1, a stem has no separator, or nothing is left for validation.

    >>> split = folder_annotations(['run/a', 'run/b', 'sit/c', 'sit/d'], validation_share=0.5)
    >>> split['labels'], sorted(entry['subset'] for entry in split['database'].values())
    (['run', 'sit'], ['training', 'training', 'validation', 'validation'])
    """
    if not 0 < validation_share < 1:
        raise ValueError(f'the share of validation videos is {validation_share}, expected between 0 and 1')
    videos = sorted(videos)
    groups = defaultdict(list)
    for video in videos:
        groups[_group(video, group_separator)].append(video)
    validation = {
        video for group in _choose(list(groups.values()), validation_share, random.Random(seed)) for video in group
    }
    if not validation:
        raise ValueError(
            f'none of {len(groups)} groups of {len(videos)} videos can be used for validation: each '
            'is all of a class. Use smaller groups (another separator, or none)'
        )
    database = {
        video: {'subset': 'validation' if video in validation else 'training', 'annotations': {'label': _class(video)}}
        for video in videos
    }
    return {'labels': sorted({_class(video) for video in videos}), 'database': database}


def training_only_classes(annotations: Annotations) -> list[str]:
    """Classes without a validation video."""
    validated = {
        entry['annotations']['label'] for entry in annotations['database'].values() if entry['subset'] == 'validation'
    }
    return [label for label in annotations['labels'] if label not in validated]


def _choose(groups: list[list[str]], share: float, rng: random.Random) -> Iterable[list[str]]:
    """Groups for validation: in random order, large ones first, while every class of the group has room; then, for
    classes that got none, the smallest group that leaves each of its classes something to train on.
    """
    total = Counter(_class(video) for group in groups for video in group)
    # At least one of a class goes to each side, a class of one video to training.
    wanted = {label: min(max(round(share * number), 1), number - 1) for label, number in total.items()}
    rng.shuffle(groups)
    groups.sort(key=len, reverse=True)
    chosen: dict[int, list[str]] = {}
    taken: Counter[str] = Counter()
    for is_last_resort in (False, True):
        for place in reversed(range(len(groups))) if is_last_resort else range(len(groups)):
            group = groups[place]
            adds = Counter(map(_class, group))
            if is_last_resort:
                fits = any(not taken[label] for label in adds) and all(
                    taken[label] + number < total[label] for label, number in adds.items()
                )
            else:
                fits = all(taken[label] + number <= wanted[label] for label, number in adds.items())
            if fits and place not in chosen:
                chosen[place] = group
                taken.update(adds)
    return list(chosen.values())


def _class(video: str) -> str:
    return video.split('/')[0]


def _group(video: str, separator: str) -> str:
    if not separator:
        return video
    return group_of(video.split('/', 1)[1], separator, video)


def group_of(stem: str, separator: str, video: str) -> str:
    """The part of a stem before its last separator.

    Raises:
        ValueError: there is none; ``video`` is named.
    """
    prefix, found, _ = stem.rpartition(separator)
    if not found or not prefix:
        raise ValueError(f'{video} has no {separator!r} after its group: rename it, or choose another separator')
    return prefix
