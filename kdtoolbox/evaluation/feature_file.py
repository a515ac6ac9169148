"""Feature files: one frozen feature vector for each video, with labels, roles and classes."""

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from kdtoolbox.evaluation.feature_tensors import TEXTS, load_from_safetensors, save_as_safetensors
from kdtoolbox.plain_files import FEATURE_FILES, load_arrays, parse_json
from kdtoolbox.safe_files import SAFETENSORS, check_there, kind_of, save_arrays_aside

UNLABELLED = -1
ROLES = ('gallery', 'query', '')  # the last one of videos that have none
MOST_NAMED = 3  # arrays that do not belong there; any zip archive is read, and a checkpoint is one of hundreds
# Name in the file -> (kind of dtype, dimensions, in words); texts are numpy's fixed-width unicode, nothing is pickled.
ARRAYS = {
    'features': ('f4', 2, 'float32 (V, C)'),
    'labels': ('i8', 1, 'int64 (V,)'),
    'sample_ids': ('U', 1, 'text (V,)'),
    'roles': ('U', 1, 'text (V,)'),
    'classes': ('U', 1, 'text (K,)'),
    'provenance': ('U', 0, 'one text, JSON'),
}


@dataclass(frozen=True)
class VideoFeatures:
    """Features of V videos in C components.

    Args:
        features: (V, C), float32.
        labels: (V,), int64; -1 marks unlabelled videos.
        sample_ids: V names, unique within a role.
        roles: V times ``'gallery'``, ``'query'`` or ``''``.
        classes: K names in label order; none where the data set does not tell them.
        provenance: what the features came from.

    Raises:
        ValueError: these do not fit together, or a feature is not finite.
    """

    features: Tensor
    labels: Tensor
    sample_ids: Sequence[str]
    roles: Sequence[str]
    classes: Sequence[str] = ()
    provenance: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        counts = {
            'features': len(self.features),
            'labels': len(self.labels),
            'sample_ids': len(self.sample_ids),
            'roles': len(self.roles),
        }
        if len(set(counts.values())) > 1 or not counts['labels'] or not self.features.numel():
            raise ValueError(
                f'expected one feature vector, label, sample id and role for each of at least one video, '
                f'got {counts}, features of shape {tuple(self.features.shape)}'
            )
        if unfit := (~self.features.isfinite()).any(1).nonzero().flatten().tolist():
            raise ValueError(
                f'the features of {len(unfit)} of {len(self.features)} videos are not finite, such as '
                f'those of {self.sample_ids[unfit[0]]!r}: the network has diverged'
            )
        if unknown := set(self.roles) - set(ROLES):
            raise ValueError(f'roles {sorted(unknown)}: expected some of {ROLES}')
        _refuse_repeated(self.sample_ids, self.roles)
        least, largest = int(self.labels.min()), int(self.labels.max())
        if least < UNLABELLED or largest >= len(self.classes) > 0:
            raise ValueError(
                f'labels run from {least} to {largest}: expected 0 to {len(self.classes) - 1} for the '
                f'{len(self.classes)} classes, or -1 for unlabelled videos'
            )

    def data_samples(self, role: str | None = None) -> list[dict]:
        """The videos as metrics of features take them, in the role they have or in ``role``."""
        return [
            {
                'sample_id': sample_id,
                'role': own_role if role is None else role,
                'clip_features': vector,
                'gt_labels': {'item': label},
            }
            for sample_id, own_role, vector, label in zip(self.sample_ids, self.roles, self.features, self.labels)
        ]


def is_feature_file(name: str | Path) -> bool:
    """Whether it is one by the end of its name.

    >>> is_feature_file('a.safetensors'), is_feature_file('a.npz'), is_feature_file('a.pth')
    (True, True, False)
    """
    return Path(name).suffix in FEATURE_FILES


def save_features(videos: VideoFeatures, file: str | Path) -> None:
    """Write a feature file, safetensors or, where its name ends so, npz; aside, then it is moved into place."""
    arrays = {
        'features': videos.features.float().cpu().numpy(),
        'labels': videos.labels.long().cpu().numpy(),
        'provenance': np.array(json.dumps(dict(videos.provenance), sort_keys=True)),
        **{name: np.array(getattr(videos, name), dtype=str) for name in TEXTS},
    }
    if Path(file).suffix == '.npz':
        save_arrays_aside(arrays, file)
    else:
        save_as_safetensors(arrays, file)


def load_features(file: str | Path) -> VideoFeatures:
    """Read a feature file, without running code from it.

    Raises:
        ValueError: the file is not there, not one of features, or its contents do not fit together.
    """
    check_there(file, what='feature file', hint='. Write one with kdtoolbox extract-features')
    try:
        arrays = load_from_safetensors(file) if kind_of(Path(file)) == SAFETENSORS else load_arrays(file)
    except ValueError as error:
        raise ValueError(
            f'{file} is no feature file, a safetensors file or an npz archive of plain arrays: {error}. Write one '
            'with tools/extract_features.py'
        ) from error
    _check_arrays(arrays, file)
    provenance = parse_json(str(arrays['provenance']), source=f'feature file {file}: provenance')
    if not isinstance(provenance, dict):
        raise ValueError(f'feature file {file}: provenance is {type(provenance).__name__}, expected an object in JSON')
    if unfit := [key for key, value in provenance.items() if not isinstance(value, str | None)]:
        raise ValueError(f"feature file {file}: provenance's {unfit[0][:60]!r} is no text")
    texts = {name: arrays[name].tolist() for name in TEXTS}
    if any('\0' in text for text in itertools.chain(*texts.values())):
        raise ValueError(f'feature file {file}: a name in it holds a NUL byte')
    try:
        return VideoFeatures(
            torch.from_numpy(arrays['features']), torch.from_numpy(arrays['labels']), **texts, provenance=provenance
        )
    except ValueError as error:
        raise ValueError(f'feature file {file}: {error}') from error


def _check_arrays(arrays: Mapping[str, np.ndarray], file: str | Path) -> None:
    missing, unexpected = sorted(ARRAYS.keys() - arrays.keys()), sorted(arrays.keys() - ARRAYS.keys())
    if missing or unexpected:
        more = f' and {len(unexpected) - MOST_NAMED} more' if len(unexpected) > MOST_NAMED else ''
        raise ValueError(
            f'feature file {file}: arrays {missing} are missing and {unexpected[:MOST_NAMED]}{more} '
            f'unexpected; expected {", ".join(ARRAYS)}. Write one with tools/extract_features.py'
        )
    for name, (kind, num_dimensions, words) in ARRAYS.items():
        array = arrays[name]
        if kind not in (array.dtype.kind, array.dtype.str[1:]) or array.ndim != num_dimensions:
            raise ValueError(f'feature file {file}: {name} is {array.dtype} {array.shape}, expected {words}')


def _refuse_repeated(sample_ids: Sequence[str], roles: Sequence[str]) -> None:
    seen = set()
    for pair in zip(sample_ids, roles):
        if pair in seen:
            raise ValueError(
                f'the sample id {pair[0]!r} is there twice with the role {pair[1]!r}: each video has one vector'
            )
        seen.add(pair)
