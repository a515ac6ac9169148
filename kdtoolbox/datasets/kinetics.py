"""Kinetics: ten-second clips from web videos, 400 to 700 classes."""

from pathlib import Path

from kdtoolbox.datasets.annotations import Annotation, Annotations, annotation_at, existing
from kdtoolbox.datasets.clip_dataset import ClipDataset
from kdtoolbox.plain_files import csv_rows
from kdtoolbox.registry import DATASETS

_SUBSET_OF_MARK = {'train': 'training', 'val': 'validation', 'validate': 'validation', 'test': 'testing'}
_COLUMNS = ('youtube_id', 'time_start', 'time_end', 'split')


def read_kinetics_csv(path: str | Path, subset: str) -> Annotations:
    """One of the data set's CSV files; of the subset 'testing', ``label`` may be missing.

    Raises:
        ValueError: the file does not exist or has no such column, a row belongs to another split, or has no times or,
            except in testing, no label.
    """
    annotations = []
    needed = {*_COLUMNS, *(() if subset == 'testing' else ('label',))}
    columns, rows = csv_rows(existing(path))
    absent = needed - set(columns)
    if absent:
        raise ValueError(
            f'{path} has no column {", ".join(sorted(absent))}, but {columns}: expected a CSV '
            'file of Kinetics, its columns named as published'
        )
    for number, row in rows:
        where = f'{path}, line {number}'
        if row['split'] not in _SUBSET_OF_MARK:
            raise ValueError(f'{where}: split {row["split"]!r}, expected one of {", ".join(_SUBSET_OF_MARK)}')
        if _SUBSET_OF_MARK[row['split']] == subset:
            annotations.append(_annotation(row, where, has_label='label' in needed))
    return annotations, None


def _annotation(row: dict, where: str, *, has_label: bool) -> Annotation:
    try:
        start, end = (int(float(row[column])) for column in ('time_start', 'time_end'))
    except (TypeError, ValueError, OverflowError):
        raise ValueError(
            f'{where}: the times are {row["time_start"]!r} and {row["time_end"]!r}, expected seconds'
        ) from None
    if has_label and not row['label']:
        raise ValueError(f'{where}: {row["youtube_id"]} has no label: give it one, or take the line out')
    if not row['youtube_id'] or start < 0:
        raise ValueError(f'{where}: the video is {row["youtube_id"]!r} from {start} s on, expected an id and seconds')
    return annotation_at(where, f'{row["youtube_id"]}_{start:06d}_{end:06d}', row.get('label') or None)


@DATASETS.register_module()
class KineticsDataset(ClipDataset):
    """Kinetics clips ``<youtube_id>_<start>_<end>.mp4``, times of six digits, in class folders, ``test/`` or flat.

    Class folders may have underscores for spaces. The classes are those of the CSV file, sorted, so a CSV file that
    does not have all of them, as the test one, needs ``metainfo=dict(classes='label_map.txt')``.

    Args:
        **kwargs: of ClipDataset; ``ann_file`` is the CSV file of the subset, or a JSON file.
    """

    def read_annotations(self) -> Annotations:
        if Path(self.ann_file).suffix == '.csv':
            return read_kinetics_csv(self.ann_file, self.subset)
        return super().read_annotations()

    def candidates(self, annotation: Annotation) -> list[str]:
        key, label = annotation.key, annotation.label
        folders = [] if label is None else [*dict.fromkeys((label, label.replace(' ', '_')))]
        folders += ['test'] if label is None or self.subset == 'testing' else []
        return [*(f'{folder}/{key}' for folder in folders), key]
