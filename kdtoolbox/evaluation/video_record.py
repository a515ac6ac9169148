"""The record of a test: for each video its label, features and class probabilities, of a student and its teacher."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from kdtoolbox.plain_files import load_arrays, parse_json
from kdtoolbox.safe_files import save_arrays_aside

UNLABELLED = -1
GALLERY = 'gallery'
# Name in the file -> (kind of dtype, dimensions). Arrays of what was not measured have no rows.
ARRAYS = {
    'sample_ids': ('U', 1),
    'roles': ('U', 1),
    'files': ('U', 1),
    'labels': ('i', 1),
    'classes': ('U', 1),
    'features': ('f', 2),
    'probabilities': ('f', 2),
    'teacher_features': ('f', 2),
    'teacher_probabilities': ('f', 2),
    'provenance': ('U', 0),
}
OF_ALL = ('sample_ids', 'roles', 'files', 'labels', 'features', 'teacher_features')
OF_QUERIES = ('probabilities', 'teacher_probabilities')
NOT_MEASURED = np.zeros((0, 0), np.float32)


@dataclass(frozen=True)
class VideoRecord:
    """What a student, and its teacher, gave for each of V videos, of which Q are queries.

    Args:
        sample_ids: (V,) names.
        roles: (V,) ``'gallery'``, ``'query'`` or ``''``; all but those of the gallery are queries.
        files: (V,) the video, or its folder of frames; '' where it is not known.
        labels: (V,), -1 for unlabelled.
        classes: (K,) names in label order.
        features: (V, C) of the student.
        probabilities: (Q, K) of the student, of the queries in order.
        teacher_features: (V, C'), or no rows.
        teacher_probabilities: (Q, K), or no rows.
        provenance: what was measured, as texts.

    Raises:
        ValueError: the numbers of rows do not fit together, or a label is outside the classes.
    """

    sample_ids: np.ndarray
    roles: np.ndarray
    files: np.ndarray
    labels: np.ndarray
    classes: np.ndarray
    features: np.ndarray = field(default_factory=NOT_MEASURED.copy)
    probabilities: np.ndarray = field(default_factory=NOT_MEASURED.copy)
    teacher_features: np.ndarray = field(default_factory=NOT_MEASURED.copy)
    teacher_probabilities: np.ndarray = field(default_factory=NOT_MEASURED.copy)
    provenance: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        num_videos, num_queries = len(self.sample_ids), int((self.roles != GALLERY).sum())
        for names, expected in ((OF_ALL, num_videos), (OF_QUERIES, num_queries)):
            for name in names:
                rows = len(getattr(self, name))
                if rows != expected and (rows or name in ('roles', 'files', 'labels')):
                    raise ValueError(f'{name} has {rows} rows, expected {expected}')
        if num_videos and not UNLABELLED <= self.labels.min() <= self.labels.max() < max(len(self.classes), 1):
            raise ValueError(
                f'labels run from {self.labels.min()} to {self.labels.max()}, expected -1 to {len(self.classes) - 1}'
            )

    @cached_property
    def is_query(self) -> np.ndarray:
        """(V,) whether a video is tested on."""
        return self.roles != GALLERY

    @property
    def query_ids(self) -> list[str]:
        """(Q,) names of the queries."""
        return self.sample_ids[self.is_query].tolist()

    @property
    def query_labels(self) -> np.ndarray:
        """(Q,) labels of the queries."""
        return self.labels[self.is_query]


def save_record(record: VideoRecord, file: str | Path) -> None:
    """Write a record as an npz archive of plain arrays."""
    arrays: dict[str, np.ndarray] = {}
    for name, (kind, _) in ARRAYS.items():
        value = getattr(record, name)
        if name == 'provenance':
            arrays[name] = np.array(json.dumps(dict(value), sort_keys=True))
        else:
            arrays[name] = np.asarray(value, dtype={'U': str, 'i': np.int64, 'f': np.float32}[kind])
    save_arrays_aside(arrays, file)


def load_record(file: str | Path) -> VideoRecord:
    """Read a record, without running code from it.

    Raises:
        ValueError: it is not there, or no record.
    """
    if not Path(file).is_file():
        raise ValueError(f'{file}: no such file. kdtoolbox report --compute writes it')
    arrays = load_arrays(file)
    for name, (kind, num_dimensions) in ARRAYS.items():
        array = arrays.get(name)
        if array is None or array.dtype.kind != kind or array.ndim != num_dimensions:
            raise ValueError(f'{file} is no record of videos: its {name} is missing or of another form')
        if kind == 'f' and not np.isfinite(array).all():
            raise ValueError(f'{file}: some {name} are not finite: the network has diverged')
    provenance = parse_json(str(arrays['provenance']), source=f'{file}: provenance')
    if not isinstance(provenance, dict) or not all(isinstance(value, str | None) for value in provenance.values()):
        raise ValueError(f'{file}: its provenance is no object of texts')
    try:
        return VideoRecord(**{name: arrays[name] for name in ARRAYS if name != 'provenance'}, provenance=provenance)
    except ValueError as error:
        raise ValueError(f'{file}: {error}') from error
