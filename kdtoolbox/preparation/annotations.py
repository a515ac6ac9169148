"""Official annotation files of UCF-101, HMDB-51 and Kinetics as one JSON form, ActivityNet's.

``{"labels": [...], "database": {key: {"subset": ..., "annotations": {"label": ...}}}}``; subsets are ``training``,
``validation`` and ``testing``; labels and keys stand in the order of the official files (Kinetics and HMDB-51 labels
sorted), so that the same files always give the same bytes.
"""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TypedDict

from kdtoolbox.plain_files import csv_rows, numbered_lines
from kdtoolbox.safe_files import write_aside


class Annotations(TypedDict):
    """The JSON form: names of the classes, and the subset and the labels of each video."""

    labels: list[str]
    database: dict[str, dict]


SPLITS = (1, 2, 3)
_HMDB51_SUBSETS = {'0': None, '1': 'training', '2': 'validation'}
_KINETICS_SUBSETS = {'train': 'training', 'val': 'validation', 'validate': 'validation', 'test': 'testing'}


def ucf101_annotations(annotation_dir: Path, split: int) -> Annotations:
    """``classInd.txt``, ``trainlist0<split>.txt`` and ``testlist0<split>.txt`` as one; keys are the videos' stems.

    Raises:
        ValueError: a file is missing, or a line is not what the official files hold.
    """
    class_file = annotation_dir / 'classInd.txt'
    labels: list[str] = []
    for where, line in _lines(class_file):
        index, _, label = line.partition(' ')
        if index != str(len(labels) + 1):
            raise ValueError(f'{where}: got {line[:80]!r}, expected class number {len(labels) + 1} and a name')
        labels.append(safe_name(label.strip(), where))
    annotations: Annotations = {'labels': labels, 'database': {}}
    for name, subset in (('trainlist', 'training'), ('testlist', 'validation')):
        for where, line in _lines(annotation_dir / f'{name}0{split}.txt'):
            match = re.fullmatch(r'([^/]+)/([^/]+)\.\w+(?: (\d{1,9}))?', line)
            if match is None:
                raise ValueError(
                    f'{where}: got {line[:80]!r}, expected <class>/<video>.avi, in training lists a number'
                )
            label, key, index = match.groups()
            if label not in labels:
                raise ValueError(f'{where}: class {label!r} is not in {class_file}')
            if index is not None and int(index) != labels.index(label) + 1:
                raise ValueError(f'{where}: {label} is number {labels.index(label) + 1} in {class_file}, got {index}')
            _add(annotations, safe_name(key, where), subset, label, where)
    return annotations


def hmdb51_annotations(annotation_dir: Path, split: int) -> Annotations:
    """The ``<class>_test_split<split>.txt`` files as one; keys are the videos' stems, unused videos are left out.

    Raises:
        ValueError: a class lacks one of its three files, or a line is not what the official files hold.
    """
    files = {
        match.groups()
        for file in _listdir(annotation_dir)
        if (match := re.fullmatch(r'(.+)_test_split([123])\.txt', file))
    }
    labels = sorted({label for label, _ in files})
    missing = [f'{label}_test_split{n}.txt' for label in labels for n in SPLITS if (label, str(n)) not in files]
    if not labels or missing:
        raise ValueError(
            f'{annotation_dir} lacks {len(missing) or "all"} of the files <class>_test_split<1, 2, 3>.txt'
            + (f', such as {missing[0]}' if missing else '')
            + ': unpack test_train_splits.rar there'
        )
    annotations: Annotations = {'labels': labels, 'database': {}}
    for label in labels:
        for where, line in _lines(annotation_dir / f'{label}_test_split{split}.txt'):
            name, _, use = line.rpartition(' ')
            if use not in _HMDB51_SUBSETS or not name.strip():
                raise ValueError(f'{where}: got {line[:80]!r}, expected <video>.avi and 0, 1 or 2')
            if subset := _HMDB51_SUBSETS[use]:
                key = safe_name(Path(name.strip()).stem, where)
                _add(annotations, key, subset, safe_name(label, where), where)
    return annotations


def kinetics_annotations(csv_files: dict[str, Path]) -> Annotations:
    """Kinetics CSV files, subset -> file, as one; keys are ``<youtube_id>_<start:06d>_<end:06d>``, in seconds.

    Videos of ``testing`` get no label, also where the file has one, because the official one does not.

    Raises:
        ValueError: a file is missing, or a row is not what the official files hold, or is marked with the ``split`` of
            another file.
    """
    rows = {subset: list(_kinetics_rows(file, subset)) for subset, file in csv_files.items()}
    labels = sorted({label for subset in rows for _, _, label in rows[subset] if label is not None})
    annotations: Annotations = {'labels': labels, 'database': {}}
    for subset, found in rows.items():
        for where, key, label in found:
            _add(annotations, key, subset, label, where)
    return annotations


def write_json(file: Path, annotations: Annotations) -> None:
    """Write the JSON, whole or not at all; its folder is made.

    Raises:
        ValueError: it cannot be written.
    """
    write_aside(file, json.dumps(annotations, ensure_ascii=False))


def safe_name(name: str, where: str) -> str:
    """The name, if it can be that of one file or folder: an annotation must not lead out of the output folder.

    >>> safe_name("massaging person's head", 'train.csv:2')
    "massaging person's head"
    """
    if name in ('', '.', '..') or re.search(r'[/\\\0\r\n]', name):
        raise ValueError(
            f'{where}: got the name {name[:80]!r}, expected one that can be a folder: no slash, no line break'
        )
    return name


def _kinetics_rows(file: Path, subset: str) -> Iterator[tuple[str, str, str | None]]:
    """(where, key, label) of each row; the columns are found by their names, which differ in order between releases."""
    has_labels = subset != 'testing'
    columns = {'youtube_id', 'time_start', 'time_end'} | ({'label'} if has_labels else set())
    if not file.exists():
        raise ValueError(f'there is no file {file}')
    found, rows = csv_rows(file)
    if not columns <= set(found):
        raise ValueError(f'{file}: its columns are {found}, expected {sorted(columns)} among them')
    for number, row in rows:
        where = f'{file}:{number}'
        if (split := row.get('split')) and _KINETICS_SUBSETS.get(split) != subset:
            raise ValueError(
                f'{where}: a row of the split {split!r} in the file that was given for '
                f'{subset}: give the files in the order training, validation, testing'
            )
        try:
            start, end = (int(float(row[name] or '')) for name in ('time_start', 'time_end'))
        except (TypeError, ValueError, OverflowError) as error:
            raise ValueError(
                f'{where}: got the times {row["time_start"]!r} and {row["time_end"]!r}, expected seconds'
            ) from error
        key = f'{safe_name(row["youtube_id"] or "", where)}_{start:06d}_{end:06d}'
        yield where, key, safe_name(row['label'] or '', where) if has_labels else None


def _add(annotations: Annotations, key: str, subset: str, label: str | None, where: str) -> None:
    entry = {'subset': subset, 'annotations': {} if label is None else {'label': label}}
    if annotations['database'].setdefault(key, entry) != entry:
        raise ValueError(f'{where}: {key} is {entry} here, but was {annotations["database"][key]} before')


def _lines(file: Path) -> Iterator[tuple[str, str]]:
    """(where, line) of each line that is not blank; any line end, as UCF-101's are Windows'."""
    if not file.exists():
        raise ValueError(f'there is no file {file}; {file.parent} holds {sorted(_listdir(file.parent))[:5]}')
    for number, line in numbered_lines(file):
        yield f'{file}:{number}', line


def _listdir(folder: Path) -> list[str]:
    if not folder.is_dir():
        raise ValueError(f'there is no folder {folder}')
    return os.listdir(folder)
