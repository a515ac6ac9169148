"""``'auto'``: numbers of channels, and whole connectors, found from the shapes of the recorded outputs."""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from kdtoolbox.criterion.connections import connect, paths_of, pick, shapes_of
from kdtoolbox.criterion.network_runs import NetworkRuns
from kdtoolbox.registry import MODELS
from kdtoolbox.taps import FEATURES, LOGITS

AUTO = 'auto'
CHANNELS = ('in_channels', 'out_channels', 'channels', 'student_channels', 'teacher_channels')


def asks_for_shapes(term: Mapping) -> bool:
    """Whether something in the config of a term is ``'auto'``."""
    layers = [*_layers(term.get('student_connector')), *_layers(term.get('teacher_connector')), term['loss']]
    return any(layer == AUTO or _has_open_channels(layer) for layer in layers)


def refuse_frames_as_channels(name: str, term: Mapping, teachers: Mapping[str, object]) -> None:
    """Refuse ``'auto'`` for the output of a teacher with ``pooling='none'``: (N, T', K), time before channels.

    Args:
        teachers: name -> teacher.

    Raises:
        ValueError: the term has such an ``'auto'``.
    """
    for path in paths_of(term.get('teacher', LOGITS)):
        owner, inner = ('', path) if '' in teachers else path.split('.', 1)
        if (
            inner in (LOGITS, FEATURES)
            and getattr(teachers[owner], 'pooling', None) == 'none'
            and _goes_by_teacher(term)
        ):
            prefix = f'{owner}.' if owner else ''
            raise ValueError(
                f"term {name!r}: 'auto' needs the shape of the teacher's {inner!r}, which with pooling='none' "
                f"are (N, T', C), time before channels: tap '{prefix}frame_{inner}', (N, C, T')"
            )


def _goes_by_teacher(term: Mapping) -> bool:
    student_run = [*_layers(term.get('student_connector')), term['loss']]
    return any(
        layer == AUTO or _has_open_channels(layer, ('out_channels', 'teacher_channels')) for layer in student_run
    ) or any(_has_open_channels(layer) for layer in _layers(term.get('teacher_connector')))


@torch.no_grad()
def fill_in(
    name: str, term: Mapping, student: Mapping[str, Tensor], teacher: Mapping[str, Tensor], runs: NetworkRuns
) -> tuple[dict, list[str]]:
    """Replace every ``'auto'`` in the config of a term by the number or connector that the shapes need.

    ``in_channels`` and ``channels`` of a connector are the channels of its input. ``out_channels`` of a student
    connector are the channels of the teacher after its connector. ``student_channels`` and ``teacher_channels`` of a
    loss are the channels after the connectors: a number, or a list of numbers for several taps.
    ``student_connector='auto'``, or ``'auto'`` in its list, is replaced by :func:`choose`.

    Args:
        student: tap -> tensor.
        teacher: likewise.
        runs: the networks, for connectors that use times.

    Returns:
        The config without ``'auto'``, and a text for each choice.

    Raises:
        ValueError: it cannot be found from the shapes.
    """
    teacher_taps = term.get('teacher', LOGITS)
    got_student, got_teacher = pick(student, term.get('student', LOGITS)), pick(teacher, teacher_taps)
    teacher_paths = paths_of(teacher_taps)

    def teacher_times(x):
        return runs.teacher_of(teacher_paths).times(x)

    try:
        if AUTO in _layers(term.get('teacher_connector')):
            raise ValueError("teacher_connector='auto': only the student's is chosen, to fit the teacher's")
        teacher_layers, target = _fill_layers(
            term.get('teacher_connector'),
            got_teacher,
            aim=None,
            tapped=got_student,
            times_of=teacher_times,
            target_times_of=runs.student.times,
        )
        student_layers, connected = _fill_layers(
            term.get('student_connector'),
            got_student,
            aim=target,
            tapped=got_teacher,
            times_of=runs.student.times,
            target_times_of=teacher_times,
        )
        loss = _filled(term['loss'], {'student_channels': connected, 'teacher_channels': target})
    except ValueError as error:
        raise ValueError(
            f'term {name!r}, student {shapes_of(got_student)}, teacher {shapes_of(got_teacher)}: {error}'
        ) from error
    filled = {**term, 'student_connector': student_layers, 'teacher_connector': teacher_layers, 'loss': loss}
    return filled, [
        f'{part}: {_words(filled[part])}'
        for part in ('student_connector', 'teacher_connector', 'loss')
        if filled[part] != term.get(part)
    ]


def choose(x: Tensor, target: Tensor) -> list[dict]:
    """Choose connectors that bring a student tensor to the shape of the teacher tensor.

    They are, as far as needed and in this order: for a vector, pooling and a linear projection; for a map, matching of
    height and width, alignment in time and a 1x1x1 projection of the channels; for one vector a time step, that
    projection, pooling over space, alignment in time.

    Args:
        x: (N, C), (N, C, T) or (N, C, T, H, W).
        target: likewise.

    Raises:
        ValueError: there are no such connectors.

    >>> import torch
    >>> choose(torch.zeros(2, 64, 8, 7, 7), torch.zeros(2, 32))
    [{'type': 'GlobalPool'}, {'type': 'LinearProjection', 'in_channels': 64, 'out_channels': 32}]
    """
    if not isinstance(x, Tensor) or not isinstance(target, Tensor):
        raise ValueError(
            "student_connector='auto' fits one tensor to one: with several taps, or no teacher, write the connectors"
        )
    pair = (x.dim(), target.dim())
    channels = (
        []
        if x.shape[1] == target.shape[1]
        else [
            dict(
                type='LinearProjection' if target.dim() == 2 else 'MapProjection',
                in_channels=x.shape[1],
                out_channels=target.shape[1],
            )
        ]
    )
    if target.dim() == 2 and x.dim() >= 2:
        return ([dict(type='GlobalPool')] if x.dim() > 2 else []) + channels
    if pair not in ((5, 5), (5, 3), (3, 3)) or (pair == (3, 3) and channels):
        raise ValueError(
            f"student_connector='auto' knows no way from {tuple(x.shape)} to {tuple(target.shape)}: tap "
            'another module, or write the connectors'
        )
    time = (
        []
        if x.shape[2] == target.shape[2]
        else [dict(type='TemporalAlign', mode='pool' if x.shape[2] > target.shape[2] else 'linear')]
    )
    if target.dim() == 3:
        return channels + ([dict(type='SpacePool')] if x.dim() == 5 else []) + time
    space = [] if x.shape[3:] == target.shape[3:] else [dict(type='MatchSpace', size=tuple(target.shape[3:]))]
    return space + time + channels


def _fill_layers(
    config: Mapping | Sequence | str | None,
    x,
    *,
    aim,
    tapped,
    times_of: Callable[..., Tensor],
    target_times_of: Callable[..., Tensor],
) -> tuple[Mapping | list | None, Tensor]:
    """The connector's config without ``'auto'``, and ``x`` after this connector.

    Args:
        aim: the tensor of the other network after its connector.
        tapped: the tensor of the other network before its connector.
    """
    filled = []
    for layer in _layers(config):
        for one in choose(x, aim) if layer == AUTO else [layer]:
            filled.append(_filled(one, {'in_channels': x, 'channels': x, 'out_channels': aim}))
            x = connect(MODELS.build(dict(filled[-1])), x, tapped, times_of=times_of, target_times_of=target_times_of)
    is_list = isinstance(config, Sequence) and not isinstance(config, str)
    return (filled if is_list or len(filled) > 1 else filled[0] if filled else None), x


def _filled(config: Mapping, sources: Mapping[str, Tensor | tuple[Tensor, ...] | None]) -> dict:
    """A copy of the config with the channels of the given tensors instead of ``'auto'``, in wrapped parts too."""
    filled = {}
    for key, value in config.items():
        if isinstance(value, Mapping):
            value = _filled(value, sources) if _has_open_channels(value) else value
        elif key in CHANNELS and value == AUTO:
            value = _channels(config['type'], key, sources.get(key))
        filled[key] = value
    return filled


def _channels(owner: str, key: str, tensors: Tensor | tuple[Tensor, ...] | None) -> int | list[int]:
    if tensors is None:
        raise ValueError(f"{owner} has {key}='auto', which nothing tells: write the number")
    if isinstance(tensors, tuple):
        return [tensor.shape[1] for tensor in tensors]
    return tensors.shape[1]


def _layers(config: Mapping | Sequence | str | None) -> list:
    if config is None:
        return []
    return [config] if isinstance(config, (Mapping, str)) else list(config)


def _has_open_channels(config, keys: Sequence[str] = CHANNELS) -> bool:
    return isinstance(config, Mapping) and any(
        (key in keys and value == AUTO) or _has_open_channels(value, keys) for key, value in config.items()
    )


def _words(config: Mapping | Sequence | None) -> str:
    """A config as text: LinearProjection(in_channels=64, out_channels=32)."""
    parts = []
    for one in _layers(config):
        arguments = ', '.join(f'{key}={value}' for key, value in one.items() if key != 'type')
        kind = one['type']
        parts.append(f'{kind if isinstance(kind, str) else kind.__name__}({arguments})')
    return ', '.join(parts) or 'none needed'
