"""Terms: which outputs of the student and of the teachers are compared, how, and how much it counts."""

import inspect
from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from kdtoolbox.registry import MODELS

EXTRA_INPUTS = ('labels', 'sample_ids')


def scheduled_weight(weight: float, schedule: Sequence[tuple[float, float]], progress: float) -> float:
    """The weight of a term at a point of the training.

    Args:
        weight: the full weight.
        schedule: points (progress, factor) in rising order of progress; straight lines between them, constant before
            the first and after the last.
        progress: share of the training that is done, [0, 1].

    >>> scheduled_weight(2.0, [(0.0, 0.0), (0.5, 1.0)], 0.25)
    1.0
    >>> scheduled_weight(2.0, [], 0.25)
    2.0
    """
    if not schedule:
        return weight
    if progress <= schedule[0][0]:
        return weight * schedule[0][1]
    for (start, factor), (stop, next_factor) in zip(schedule, schedule[1:]):
        if progress < stop:
            return weight * (factor + (next_factor - factor) * (progress - start) / (stop - start))
    return weight * schedule[-1][1]


class Term(nn.Module):
    """One comparison of the student with a teacher.

    Args:
        name: of the term; its loss is logged as ``loss_<name>``.
        loss: config of the loss.
        student: what to listen to in the student: ``'logits'``, ``'features'``, a module path, or several of them.
        teacher: likewise in the teacher; with several teachers, ``'<teacher>.<path>'``. None for a loss that needs none:
            it gets None.
        student_connector: config of the module that the student's output goes through first; a list is a sequence.
        teacher_connector: likewise for the teacher's.
        weight: what the loss is multiplied by. At 0 the term costs nothing.
        weight_schedule: points (progress, factor), see :func:`scheduled_weight`.

    Raises:
        ValueError: an option does not fit; the message names the term.
    """

    def __init__(self, name: str, *, loss: Mapping, student: str | Sequence[str] = 'logits',
                 teacher: str | Sequence[str] | None = 'logits', student_connector: Mapping | Sequence | None = None,
                 teacher_connector: Mapping | Sequence | None = None, weight: float = 1.0,
                 weight_schedule: Sequence[tuple[float, float]] = ()) -> None:
        super().__init__()
        self.name = name
        self.student = student if isinstance(student, str) else tuple(student)
        self.teacher = teacher if isinstance(teacher, (str, type(None))) else tuple(teacher)
        self.weight = float(weight)
        self.weight_schedule = [(float(progress), float(factor)) for progress, factor in weight_schedule]
        points = [progress for progress, _ in self.weight_schedule]
        if points != sorted(set(points)) or any(not 0 <= point <= 1 for point in points):
            raise ValueError(f'term {name!r}: weight_schedule {weight_schedule} must rise in progress from 0 to 1')
        self.loss = MODELS.build(dict(loss))
        self.extra_inputs = _extra_inputs(name, self.loss)
        self.student_connector = _connector(student_connector)
        self.teacher_connector = _connector(teacher_connector)

    def weight_at(self, progress: float) -> float:
        return scheduled_weight(self.weight, self.weight_schedule, progress)

    def forward(self, student: Mapping[str, Tensor], teacher: Mapping[str, Tensor], extra: Mapping) -> Tensor:
        """The loss, unweighted.

        Args:
            student: tap -> tensor.
            teacher: tap -> tensor.
            extra: ``labels`` (N,) and ``sample_ids``, for losses that ask.

        Raises:
            ValueError: the shapes do not fit the connectors or the loss; the message says where each came from.
        """
        got_student, got_teacher = _pick(student, self.student), _pick(teacher, self.teacher)
        try:
            loss = self.loss(self.student_connector(got_student), self.teacher_connector(got_teacher),
                             **{name: extra[name] for name in self.extra_inputs})
        except ValueError as error:
            raise ValueError(f'term {self.name!r}, student {self.student!r} {_shapes(got_student)}, teacher '
                             f'{self.teacher!r} {_shapes(got_teacher)}: {error}') from error
        if loss.dim():
            raise ValueError(f'term {self.name!r}: {type(self.loss).__name__} gave {tuple(loss.shape)}, expected a '
                             'scalar, the mean over the batch')
        return loss


class Criterion(nn.Module):
    """All terms of a distillation.

    A term whose weight is 0 throughout is left out: it is not built, listened for or computed.

    Args:
        terms: name -> arguments of :class:`Term`.
    """

    def __init__(self, terms: Mapping[str, Mapping]) -> None:
        super().__init__()
        allowed = set(inspect.signature(Term).parameters) - {'name'}
        for name, term in terms.items():
            if not name.isidentifier() or hasattr(nn.ModuleDict, name):
                raise ValueError(f'term {name!r}: not a usable name. Take letters, digits and underscores, and none of '
                                 "the names of nn.ModuleDict's own methods")
            unknown = sorted(set(term) - allowed)
            if unknown or 'loss' not in term:
                raise ValueError(f'term {name!r}: {f"unknown {unknown}" if unknown else "has no loss"}; a term has loss '
                                 f'and may have {sorted(allowed - {"loss"})}')
        self.terms = nn.ModuleDict({name: Term(name, **term) for name, term in terms.items()
                                    if term.get('weight', 1.0) != 0})

    def active(self, progress: float) -> list[Term]:
        """The terms that count at this point of the training."""
        return [term for term in self.terms.values() if term.weight_at(progress) != 0]

    def forward(self, student: Mapping[str, Tensor], teacher: Mapping[str, Tensor], *, labels: Tensor | None,
                sample_ids: Sequence[str] | None, progress: float) -> dict[str, Tensor]:
        """The weighted loss of each term that counts, as ``loss_<name>``."""
        extra = {'labels': labels, 'sample_ids': sample_ids}
        return {f'loss_{term.name}': term.weight_at(progress) * term(student, teacher, extra)
                for term in self.active(progress)}


def paths_of(source: str | Sequence[str] | None) -> tuple[str, ...]:
    """What a term listens to, as a tuple.

    >>> paths_of('logits'), paths_of(None), paths_of(('a', 'b'))
    (('logits',), (), ('a', 'b'))
    """
    if source is None:
        return ()
    return (source,) if isinstance(source, str) else tuple(source)


def _pick(outputs: Mapping[str, Tensor], source: str | tuple[str, ...] | None):
    if source is None:
        return None
    return outputs[source] if isinstance(source, str) else tuple(outputs[path] for path in source)


def _shapes(tensors) -> str:
    if tensors is None:
        return '(none)'
    return str(tuple(tensors.shape) if isinstance(tensors, Tensor) else [tuple(tensor.shape) for tensor in tensors])


def _connector(config: Mapping | Sequence | None) -> nn.Module:
    if config is None:
        return nn.Identity()
    if isinstance(config, Mapping):
        return MODELS.build(dict(config))
    return nn.Sequential(*(MODELS.build(dict(layer)) for layer in config))


def _extra_inputs(name: str, loss: nn.Module) -> tuple[str, ...]:
    """Which of labels and sample_ids the loss asks for, by its signature."""
    parameters = list(inspect.signature(loss.forward).parameters.values())
    unfit = [parameter.name for parameter in parameters[2:]
             if parameter.name not in EXTRA_INPUTS and parameter.default is parameter.empty
             and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)]
    if len(parameters) < 2 or unfit:
        raise ValueError(f'term {name!r}: {type(loss).__name__}.forward takes '
                         f'({", ".join(parameter.name for parameter in parameters)}), expected (student, teacher) and, '
                         f'by these names, any of {", ".join(EXTRA_INPUTS)}')
    return tuple(parameter.name for parameter in parameters[2:] if parameter.name in EXTRA_INPUTS)
