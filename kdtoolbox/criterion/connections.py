"""From taps through connectors to the tensors that a loss compares."""

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from torch import Tensor, nn

from kdtoolbox.criterion.network_runs import NetworkRuns
from kdtoolbox.registry import MODELS

TIMES = ('times', 'target_times')


def paths_of(source: str | Sequence[str] | None) -> tuple[str, ...]:
    """The tap paths of a term, as a tuple.

    >>> paths_of('logits'), paths_of(None), paths_of(('a', 'b'))
    (('logits',), (), ('a', 'b'))
    """
    if source is None:
        return ()
    return (source,) if isinstance(source, str) else tuple(source)


def pick(outputs: Mapping[str, Tensor], source: str | Sequence[str] | None):
    """The tensor of one tap, a tuple of them for several, None for none."""
    if source is None:
        return None
    return outputs[source] if isinstance(source, str) else tuple(outputs[path] for path in source)


def build_connector(config: Mapping | Sequence | None) -> nn.Module:
    """Build a connector from its config; a list is a sequence, None is the identity.

    Raises:
        ValueError: it is neither a config nor a list of them.
    """
    if config is None:
        return nn.Identity()
    if isinstance(config, Mapping):
        return MODELS.build(dict(config))
    if isinstance(config, str) or not all(isinstance(layer, Mapping) for layer in config):
        raise ValueError(
            f"connector {config!r}: expected a config such as dict(type='GlobalPool') or a list of them; "
            "'auto' is for the student's side, and is filled in by a distiller"
        )
    return nn.Sequential(*(MODELS.build(dict(layer)) for layer in config))


def shapes_of(tensors: Tensor | tuple[Tensor, ...] | None) -> str:
    """The shapes of one tensor or of several, as text for messages.

    >>> import torch
    >>> shapes_of(torch.zeros(2, 3)), shapes_of(None), shapes_of((torch.zeros(2, 3),) * 6)
    ('(2, 3)', '(none)', '6 times (2, 3)')
    """
    if tensors is None:
        return '(none)'
    if isinstance(tensors, Tensor):
        return str(tuple(tensors.shape))
    shapes = [tuple(tensor.shape) for tensor in tensors]
    return f'{len(shapes)} times {shapes[0]}' if len(shapes) > 2 and len(set(shapes)) == 1 else str(shapes)


def paths_as_text(paths: str | Sequence[str] | None) -> str:
    """The paths of taps for messages, of more than three the first and the last.

    >>> paths_as_text('logits'), paths_as_text(['a.0', 'a.1', 'a.2', 'a.3'])
    ("'logits'", "('a.0', ..., 'a.3')")
    """
    if isinstance(paths, (str, type(None))) or len(paths) <= 3:
        return repr(paths)
    return f'({paths[0]!r}, ..., {paths[-1]!r})'


def connect_pair(
    student_connector: nn.Module,
    teacher_connector: nn.Module,
    student,
    teacher,
    *,
    runs: NetworkRuns | None,
    teacher_paths: Sequence[str],
) -> tuple:
    """Apply both connectors to the tapped tensors of student and teacher.

    Args:
        student: a tensor, or a tuple of them.
        teacher: likewise, or None.
        teacher_paths: of the teacher's tensors.
    """

    def student_times(x):
        assert runs is not None, 'a connector asks for times'
        return runs.student.times(x)

    def teacher_times(x):
        assert runs is not None, 'a connector asks for times'
        return runs.teacher_of(teacher_paths).times(x)

    return (
        connect(student_connector, student, teacher, times_of=student_times, target_times_of=teacher_times),
        connect(teacher_connector, teacher, student, times_of=teacher_times, target_times_of=student_times),
    )


def connect(
    connector: nn.Module,
    x: Tensor | tuple[Tensor, ...] | None,
    target: Tensor | tuple[Tensor, ...] | None,
    *,
    times_of: Callable[..., Tensor],
    target_times_of: Callable[..., Tensor],
):
    """Apply a connector, or a sequence of connectors, to ``x``; to each tensor separately if there are several.

    If the ``forward`` of a connector has parameters called ``times`` or ``target_times``, it gets the times of the
    steps of its input (T,) and of the other network's tapped tensor (T',), in frames of the decoded clip.

    Args:
        target: the tapped tensors of the other network; as many as in ``x``, or one for all.
        times_of: gives the times of a tensor of this network.
        target_times_of: gives the times of a tensor of the other network.

    Raises:
        ValueError: a connector with parameters or statistics gets several taps.
    """
    if isinstance(x, tuple):
        learns = [*connector.parameters(), *(one for one in connector.modules() if hasattr(one, 'learns_statistics'))]
        if learns:
            raise ValueError(
                f'{type(connector).__name__} learns, so one cannot serve {len(x)} taps: write a term for each '
                'tap, or leave the projection to the loss'
            )
        targets = target if isinstance(target, tuple) and len(target) == len(x) else (target,) * len(x)
        return tuple(
            connect(connector, one, other, times_of=times_of, target_times_of=target_times_of)
            for one, other in zip(x, targets)
        )
    for layer in connector if type(connector) is nn.Sequential else (connector,):
        offered = {'times': partial(times_of, x), 'target_times': partial(target_times_of, target)}
        x = layer(x, **{name: offered[name]() for name in _asked_times(type(layer).forward)})
    return x


@functools.cache
def _asked_times(forward: Callable) -> tuple[str, ...]:
    return tuple(name for name in TIMES if name in inspect.signature(forward).parameters)
