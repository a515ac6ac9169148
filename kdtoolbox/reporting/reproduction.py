"""The trainings and tests that fill kdtoolbox's own rows of docs/results.md."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Training:
    """A training that rows are measured from.

    Args:
        name: of the training and of its folder.
        config: name of a packaged config.
        data_set: whose videos it is trained on.
        cfg_options: changes of the config; ``{<name>.student}`` is the student of an earlier training.
    """

    name: str
    config: str
    data_set: str
    cfg_options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def starts_from(self) -> list[str]:
        """The names of the trainings that it starts from."""
        return [value[1:].partition('.')[0] for value in self.cfg_options.values() if _is_reference(value)]

    @property
    def options_of_tests(self) -> dict[str, Any]:
        """The changes of the config that the tests of its student need too."""
        return {key: value for key, value in self.cfg_options.items() if not _is_reference(value)}


def _is_reference(value: Any) -> bool:
    return isinstance(value, str) and value.startswith('{')


@dataclass(frozen=True)
class Row:
    """A row of the tables.

    Args:
        name: as in docs/results.md.
        data_set: whose videos it is tested on.
        protocol: ``'retrieval'`` or ``'finetune'``.
        config: of the student.
        training: that it is measured from; None is a student with random weights.
    """

    name: str
    data_set: str
    protocol: str
    config: str
    training: str | None = None

    @property
    def file(self) -> str:
        """The name of its file of metrics."""
        return f'{self.data_set}_{self.protocol}_{self.training or "random"}.json'


_STUDENTS = {'c3d': 'C3D', 'r3d': 'R3D-18', 'r2plus1d': 'R(2+1)D-18'}
_DISTILLED = '{}, distilled from ResNet-18 on UCF-101 without labels'

TRAININGS = (
    *(Training(f'distinit_{name}', f'distinit_r2d_to_{name}_ucf101', 'ucf101') for name in _STUDENTS),
    Training('anc_r3d', 'anc_r2d_to_r3d_ucf101', 'ucf101'),
    Training('scratch_ucf101', 'finetune_r3d_ucf101', 'ucf101'),
    Training('finetuned_ucf101', 'finetune_r3d_ucf101', 'ucf101', {'load_from': '{distinit_r3d.student}'}),
    Training('scratch_hmdb51', 'finetune_r3d_hmdb51', 'hmdb51'),
    Training('finetuned_hmdb51', 'finetune_r3d_hmdb51', 'hmdb51', {'load_from': '{distinit_r3d.student}'}),
    Training('kd_hmdb51', 'kd_r2d_to_r3d_hmdb51', 'hmdb51'),
)

ROWS = (
    *(
        row
        for data_set in ('ucf101', 'hmdb51')
        for row in (
            Row('R3D-18, random weights', data_set, 'retrieval', 'distinit_r2d_to_r3d_ucf101'),
            *(
                Row(
                    _DISTILLED.format(title),
                    data_set,
                    'retrieval',
                    f'distinit_r2d_to_{name}_ucf101',
                    f'distinit_{name}',
                )
                for name, title in _STUDENTS.items()
            ),
            Row(
                'R3D-18, adversarially distilled from ResNet-18 on UCF-101 without labels',
                data_set,
                'retrieval',
                'anc_r2d_to_r3d_ucf101',
                'anc_r3d',
            ),
            Row('R3D-18, from scratch', data_set, 'finetune', f'finetune_r3d_{data_set}', f'scratch_{data_set}'),
            Row(_DISTILLED.format('R3D-18'), data_set, 'finetune', f'finetune_r3d_{data_set}', f'finetuned_{data_set}'),
        )
    ),
    Row(
        'R3D-18, labels and distillation from ResNet-50 in one training',
        'hmdb51',
        'finetune',
        'kd_r2d_to_r3d_hmdb51',
        'kd_hmdb51',
    ),
)


def rows_of(data_sets: Sequence[str], *, tested_on: str) -> list[Row]:
    """The rows of one data set that can be measured with the videos of ``data_sets``."""
    return [
        row
        for row in ROWS
        if row.data_set == tested_on and all(training.data_set in data_sets for training in trainings_of([row]))
    ]


def trainings_of(rows: Sequence[Row]) -> list[Training]:
    """The trainings that the rows need, each once, those before that others start from."""
    known = {training.name: training for training in TRAININGS}
    wanted = {row.training for row in rows if row.training is not None}
    # One step back is enough: what others start from starts from nothing itself.
    wanted |= {before for name in wanted for before in known[name].starts_from}
    return [training for training in TRAININGS if training.name in wanted]
