"""Which class each video of a folder has, and which videos are held out to evaluate on."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from random import Random

from kdtoolbox.datasets.annotations import SUBSETS, read_json
from kdtoolbox.preparation.annotations import Annotations
from kdtoolbox.preparation.folder_split import folder_annotations, group_of

# Folders of these names are subsets, above class folders.
SUBSET_FOLDERS = {
    'train': 'training',
    'training': 'training',
    'val': 'validation',
    'valid': 'validation',
    'validation': 'validation',
    'test': 'validation',
    'testing': 'validation',
}
WITHOUT_LABEL = frozenset({'unlabelled', 'unlabeled', 'unsorted'})  # folders of these names are no classes
VALIDATION_SHARE, UNLABELLED_SHARE = 0.2, 0.1
MAX_UNLABELLED_QUERIES = 50


@dataclass(frozen=True)
class LabelledVideos:
    """The label and the subset of every video.

    Args:
        labels: video -> name of its class, None where it has none.
        subsets: video -> 'training' or 'validation'.
        source: in words, where the labels are from.
        remarks: what is to be said of them.
    """

    labels: Mapping[str, str | None]
    subsets: Mapping[str, str]
    source: str
    remarks: tuple[str, ...] = ()

    @property
    def classes(self) -> list[str]:
        """Sorted."""
        return sorted({label for label in self.labels.values() if label is not None})

    def names(self, subset: str, *, labelled: bool | None = None) -> list[str]:
        """The videos of a subset: all, or those with (without) a label."""
        return [
            name
            for name, its in self.subsets.items()
            if its == subset and (labelled is None or (self.labels[name] is not None) == labelled)
        ]

    def labelled_only(self) -> 'LabelledVideos':
        """Without the videos that have no label."""
        kept = {name: label for name, label in self.labels.items() if label is not None}
        return replace(self, labels=kept, subsets={name: self.subsets[name] for name in kept})

    def annotations(self, *, labelled_only: bool = False) -> Annotations:
        """As the JSON that FolderDataset reads."""
        database = {}
        for name, label in self.labels.items():
            if label is not None or not labelled_only:
                entry: dict = {'subset': self.subsets[name]}
                database[name] = entry if label is None else {**entry, 'annotations': {'label': label}}
        return {'labels': self.classes, 'database': database}


def label_videos(
    names: Sequence[str], *, labels: str = 'auto', group_separator: str = '', seed: int = 0
) -> LabelledVideos:
    """Find the labels of videos and divide them.

    Args:
        names: paths of the videos below their folder.
        labels: 'auto': class folders where there are any; 'folders': there must be; 'none': no labels; or a JSON file
            in the form of ``kdtoolbox prepare folder``.
        group_separator: as of :func:`folder_annotations`: videos of one recording stay together.
        seed: of the division.

    Raises:
        ValueError: 'folders' and there are no class folders, or the file names none of the videos.
    """
    subsets: dict[str, str] = {}
    remarks: list[str] = []
    if labels in ('auto', 'folders'):
        found, subsets = classes_by_folder(names, asked_for=labels == 'folders')
        source = f'class folders: {len(set(found.values()) - {None})} classes' if any(found.values()) else 'no labels'
        if labels == 'folders' and not any(found.values()):
            raise ValueError(
                '--labels folders: expected a folder for each class, <class>/<video>, with two classes or more, but '
                f'the videos are {", ".join(list(names)[:3])} …'
            )
    elif labels == 'none':
        found, source = dict.fromkeys(names), 'no labels, as asked for'
    else:
        found, subsets = labels_in_file(Path(labels), names)
        source = f'labels of {labels}'
        if unnamed := sum(label is None for label in found.values()):
            remarks.append(f'{unnamed} of {len(names)} videos have no label in {labels} and are learned from without')
    return _divided(found, subsets, source, remarks, group_separator=group_separator, seed=seed)


def classes_by_folder(names: Sequence[str], *, asked_for: bool = False) -> tuple[dict[str, str | None], dict[str, str]]:
    """Video -> class, by the folders that all videos are sorted into, and video -> subset where folders tell it.

    Folders that hold everything are passed over. The next one is the class, if there are two or more of them with two
    videos each or more in the median, or with any number if they are ``asked_for``; below folders such as train/ and
    test/ the class is the next but one. These are no classes themselves, whatever is beside them in a folder such as
    unlabelled/ or in none.

    >>> classes_by_folder(['run/a.mp4', 'run/b.mp4', 'sit/c.mp4', 'sit/d.mp4'])[0]['sit/c.mp4']
    'sit'
    >>> classes_by_folder(['a.mp4', 'b.mp4'])
    ({'a.mp4': None, 'b.mp4': None}, {})
    """
    folders = {name: PurePosixPath(name).parts[:-1] for name in names}
    depth = 0
    while all(len(parts) > depth for parts in folders.values()) and len({p[depth] for p in folders.values()}) == 1:
        depth += 1
    below = {name: parts[depth:] for name, parts in folders.items()}
    subsets: dict[str, str] = {}
    tops = {parts[0].lower() for parts in below.values() if parts}.difference(WITHOUT_LABEL)
    if tops and tops <= SUBSET_FOLDERS.keys():
        in_subsets = {name for name, parts in below.items() if parts and parts[0].lower() in tops}
        subsets = {name: SUBSET_FOLDERS[below[name][0].lower()] for name in in_subsets}
        below = {name: parts[1:] if name in in_subsets else parts for name, parts in below.items()}
    labels = {
        name: parts[0] if parts and parts[0].lower() not in WITHOUT_LABEL else None for name, parts in below.items()
    }
    counts = sorted(Counter(label for label in labels.values() if label is not None).values())
    if len(counts) < 2 or (counts[len(counts) // 2] < 2 and not asked_for):
        return dict.fromkeys(names), subsets
    return labels, subsets


def labels_in_file(file: Path, names: Sequence[str]) -> tuple[dict[str, str | None], dict[str, str]]:
    """Video -> label and video -> subset of a JSON file, whose keys may lack the suffix or the folder of the class.

    Raises:
        ValueError: the file is not there, of another form, or names none of the videos.
    """
    if file.suffix != '.json':
        raise ValueError(f'--labels {file}: expected auto, folders, none, or a JSON file of kdtoolbox prepare folder')
    known: dict[str, tuple[str | None, str]] = {}
    for subset in SUBSETS:
        for annotation in read_json(file, subset)[0]:
            key, label = annotation.key, annotation.label
            for place in (key, f'{label}/{key}') if label is not None else (key,):
                known[place] = (label, 'training' if subset == 'training' else 'validation')
    labels, subsets = {}, {}
    for name in names:
        entry = known.get(name) or known.get(str(PurePosixPath(name).with_suffix('')))
        labels[name] = entry[0] if entry else None
        if entry:
            subsets[name] = entry[1]
    if not subsets:
        raise ValueError(
            f'{file} names none of the videos: its keys are such as {", ".join(list(known)[:2]) or "none"}, the videos '
            f'{", ".join(list(names)[:2])}'
        )
    return labels, subsets


def _divided(
    labels: Mapping[str, str | None],
    subsets: dict[str, str],
    source: str,
    remarks: list[str],
    *,
    group_separator: str,
    seed: int,
) -> LabelledVideos:
    """Hold out videos to evaluate on, unless their subsets are known."""
    if 'validation' not in subsets.values():
        held_out = _held_out(labels, remarks, group_separator=group_separator, seed=seed)
        subsets = dict.fromkeys(held_out, 'validation')
    has_labels = any(label is not None for label in labels.values())
    whole = {  # a video without a label, where others have one, cannot be scored
        name: 'training' if has_labels and label is None else subsets.get(name, 'training')
        for name, label in labels.items()
    }
    return LabelledVideos(labels, whole, source, tuple(remarks))


def _held_out(labels: Mapping[str, str | None], remarks: list[str], *, group_separator: str, seed: int) -> list[str]:
    labelled = {name: label for name, label in labels.items() if label is not None}
    if not labelled:
        return _held_out_without_labels(sorted(labels), group_separator=group_separator, seed=seed)
    numbers = {label: number for number, label in enumerate(sorted(set(labelled.values())))}
    keys = {f'{numbers[label]:06}/{name}': name for name, label in labelled.items()}
    try:
        split = folder_annotations(
            list(keys), validation_share=VALIDATION_SHARE, seed=seed, group_separator=group_separator
        )
    except ValueError as error:
        if group_separator:
            raise ValueError(str(error).replace('000000/', '')) from error
        remarks.append('no class has a video to spare, so nothing is held out and nothing measured')
        return []
    database = dict(split['database'])
    return [keys[key] for key, entry in database.items() if entry['subset'] == 'validation']


def _held_out_without_labels(names: Sequence[str], *, group_separator: str, seed: int) -> list[str]:
    """A tenth of the videos, at most 50; whole groups where there are any, one at least."""
    number = min(MAX_UNLABELLED_QUERIES, round(UNLABELLED_SHARE * len(names)))
    if not group_separator:
        return Random(seed).sample(names, number)
    groups = defaultdict(list)
    for name in names:
        groups[group_of(name, group_separator, name)].append(name)
    held_out: list[str] = []
    for group in Random(seed).sample(sorted(groups), len(groups) - 1):  # one at least is to learn from
        if not held_out or len(held_out) + len(groups[group]) <= number:
            held_out += groups[group]
    return held_out if number else []
