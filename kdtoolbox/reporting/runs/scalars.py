"""The numbers that mmengine logged during a training, as curves."""

import itertools
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kdtoolbox.plain_files import MAX_BYTES

MAX_LINES = 2_000_000
_NO_CURVES = {'step', 'iter', 'epoch', 'time', 'data_time', 'memory', 'eta'}


@dataclass(frozen=True)
class Curves:
    """Curves of one training, a resumed one put together.

    Args:
        training: name -> {step: value}, such as ``loss`` and ``loss_kd``; steps count batches.
        validation: name of the metric -> {step: value}; steps are epochs, or batches in a training by batches.
    """

    training: Mapping[str, Mapping[int, float]] = field(default_factory=dict)
    validation: Mapping[str, Mapping[int, float]] = field(default_factory=dict)

    @property
    def losses(self) -> dict[str, Mapping[int, float]]:
        """The parts of the loss, without their sum."""
        return {name: one for name, one in self.training.items() if 'loss' in name and name != 'loss' and len(one) > 1}


def read_curves(work_dir: Path) -> Curves:
    """The curves of all runs in a work directory; of a step that was trained twice, the later values."""
    training: dict[str, dict[int, float]] = {}
    validation: dict[str, dict[int, float]] = {}
    for file in sorted(work_dir.glob('*/vis_data/scalars.json')):  # folders are named by time
        for entry in _entries(file):
            is_training = 'loss' in entry or 'lr' in entry
            curves, step = (training, entry.get('step')) if is_training else (validation, entry.get('step'))
            if not isinstance(step, int) or isinstance(step, bool):
                continue
            for name, value in entry.items():
                if name not in _NO_CURVES and _is_number(value):
                    curves.setdefault(name, {})[step] = float(value)
    return Curves(*({name: dict(sorted(one.items())) for name, one in part.items()} for part in (training, validation)))


def readable_lines(file: Path) -> Iterator[str]:
    """The lines of a log, of which one may be torn, and any may be somebody's."""
    if file.is_file() and file.stat().st_size <= MAX_BYTES:
        with open(file, encoding='utf-8', errors='replace') as stream:
            yield from itertools.islice(stream, MAX_LINES)


def _entries(file: Path):
    for line in readable_lines(file):
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):  # of a run that was killed while writing
            continue
        if isinstance(entry, dict):
            yield entry


def _is_number(value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
