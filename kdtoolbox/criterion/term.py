"""A term: taps of student and teacher, connectors, a loss, its weight and its gate."""

import inspect
import math
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from kdtoolbox.criterion.connections import build_connector, connect_pair, paths_as_text, paths_of, pick, shapes_of
from kdtoolbox.criterion.gates import Kept, gated_loss
from kdtoolbox.criterion.loss_inputs import extra_inputs, scalar_of
from kdtoolbox.criterion.network_runs import NetworkRuns
from kdtoolbox.criterion.schedule import points_of, scheduled_weight
from kdtoolbox.method_card import cards, mixes_clips
from kdtoolbox.registry import MODELS
from kdtoolbox.taps import LOGITS


class Term(nn.Module):
    """One comparison of the student with a teacher.

    Args:
        name: of the term; its loss is logged as ``loss_<name>``.
        loss: config of the loss.
        student: taps of the student: ``'logits'``, ``'features'``, a module path, or several of them.
        teacher: taps of the teacher; with several teachers, ``'<teacher>.<path>'``. None for a loss without a teacher,
            which gets None.
        student_connector: config of the module between the student's tap and the loss; a list is a sequence.
        teacher_connector: the same for the teacher's tap. It must have no parameters, as it gets no gradient.
        weight: factor of the loss. With 0 the term is not computed.
        weight_schedule: points (progress, factor), see :func:`scheduled_weight`.
        gate: config of a gate, such as ``ConfidenceGate``, which keeps clips according to the teacher's logits. The
            other clips count 0 in the mean over the batch; the share of kept clips is logged as ``gate_<name>``.

    Raises:
        ValueError: an option does not fit; the message names the term.
    """

    def __init__(
        self,
        name: str,
        *,
        loss: Mapping,
        student: str | Sequence[str] = 'logits',
        teacher: str | Sequence[str] | None = 'logits',
        student_connector: Mapping | Sequence | None = None,
        teacher_connector: Mapping | Sequence | None = None,
        weight: float = 1.0,
        weight_schedule: Sequence[tuple[float, float]] = (),
        gate: Mapping | None = None,
    ) -> None:
        super().__init__()
        self.name = name
        if not student:
            raise ValueError(f"term {name!r}: student={student!r}, expected 'logits', 'features' or paths of modules")
        self.student = student if isinstance(student, str) else tuple(student)
        self.teacher = teacher if isinstance(teacher, (str, type(None))) else tuple(teacher)
        self.weight = float(weight)
        try:
            self.weight_schedule = points_of(weight_schedule)
        except ValueError as error:
            raise ValueError(f'term {name!r}: {error}') from None
        self.loss = MODELS.build(dict(loss))
        self.extra_inputs = extra_inputs(name, self.loss)
        try:
            self.student_connector = build_connector(student_connector)
            self.teacher_connector = build_connector(teacher_connector)
        except ValueError as error:
            raise ValueError(f'term {name!r}: {error}') from error
        if any(parameter.requires_grad for parameter in self.teacher_connector.parameters()):
            raise ValueError(
                f"term {name!r}: the teacher_connector has parameters, but a loss gives the teacher's side no "
                "gradient, so they would stay random: put what is learned on the student's side"
            )
        self.gate = None if gate is None else MODELS.build(dict(gate))
        self._check_gate()
        self.chosen: tuple[str, ...] = ()
        self.shapes: dict[str, Any] = {}

    @property
    def min_batch_size(self) -> int:
        """Minimum number of clips in the batch of all processes; with fewer the loss is undefined or constant."""
        return max((card.min_batch_size for card in cards(self.loss)), default=1)

    @property
    def min_clips_of_a_process(self) -> int:
        """Minimum number of clips in one process, for losses with channel statistics.

        In a vector each clip is one element of a channel, in a map many. Unknown shapes, see :func:`criterion_for`, are
        treated as vectors, with one element for each clip.
        """
        elements = max((card.min_elements for card in cards(self.loss)), default=1)
        shapes = [self.shapes[side] for side in ('student_connected', 'teacher_connected') if self.shapes.get(side)]
        positions = [math.prod(shape[1:]) for side in shapes for shape in (side if isinstance(side, list) else [side])]
        return math.ceil(elements / min(positions, default=1))

    @property
    def min_classes(self) -> int:
        """Minimum number of classes; with fewer the loss is undefined."""
        return max((card.min_classes for card in cards(self.loss)), default=1)

    @property
    def needs_labels(self) -> bool:
        """Whether the loss or the gate uses labels."""
        return 'labels' in self.extra_inputs or self._gate_needs_labels

    def weight_at(self, progress: float) -> float:
        """The weight at a progress of the training in [0, 1]."""
        return scheduled_weight(self.weight, self.weight_schedule, progress)

    def forward(
        self,
        student: Mapping[str, Tensor],
        teacher: Mapping[str, Tensor],
        extra: Mapping,
        *,
        runs: NetworkRuns | None = None,
        kept: Kept | None = None,
    ) -> Tensor:
        """The loss, unweighted.

        Args:
            student: tap -> tensor.
            teacher: tap -> tensor.
            extra: name -> further input that losses may take: ``labels`` (N,), ``sample_ids``, ``progress``.
            runs: the networks, for losses that use their classifiers and connectors that use times.
            kept: the clips that :meth:`kept` keeps.

        Raises:
            ValueError: the shapes do not fit the connectors or the loss; the message names the taps.
        """
        try:
            of_student, of_teacher = self.connected(student, teacher, runs)
            asked = {name: extra[name] if name in extra else self._classifier(name, runs) for name in self.extra_inputs}
            if kept is not None:
                return gated_loss(self.loss, of_student, of_teacher, asked, kept)
            return scalar_of(self.loss, of_student, of_teacher, asked)
        except ValueError as error:
            raise ValueError(
                f'term {self.name!r}, student {paths_as_text(self.student)} {shapes_of(pick(student, self.student))}, '
                f'teacher {paths_as_text(self.teacher)} {shapes_of(pick(teacher, self.teacher))}: {error}'
            ) from error

    def connected(
        self, student: Mapping[str, Tensor], teacher: Mapping[str, Tensor], runs: NetworkRuns | None
    ) -> tuple:
        """The inputs of the loss: the tapped tensors after their connectors."""
        return connect_pair(
            self.student_connector,
            self.teacher_connector,
            pick(student, self.student),
            pick(teacher, self.teacher),
            runs=runs,
            teacher_paths=paths_of(self.teacher),
        )

    def kept(self, teacher: Mapping[str, Tensor], labels: Tensor | None) -> Kept | None:
        """The clips that the gate keeps; None without a gate.

        Raises:
            ValueError: the teacher gave no logits (N, K).
        """
        if self.gate is None:
            return None
        path = LOGITS if LOGITS in teacher else f'{paths_of(self.teacher)[0].partition(".")[0]}.{LOGITS}'
        if path not in teacher or teacher[path].dim() != 2:
            raise ValueError(
                f'term {self.name!r}: its gate decides by logits (N, K) of the teacher, which gave '
                f'{shapes_of(teacher.get(path))}: take a teacher with a classifier, pooled over frames'
            )
        return Kept(self.gate(teacher[path], **({'labels': labels} if self._gate_needs_labels else {})))

    def describe(self) -> dict[str, object]:
        """Taps, loss, weight, gate and shapes of the term, for reports."""
        return {
            'name': self.name,
            'loss': type(self.loss).__name__,
            'student': self.student,
            'teacher': self.teacher,
            'weight': self.weight,
            'weight_schedule': self.weight_schedule,
            'asks_for': self.extra_inputs,
            'gate': None if self.gate is None else type(self.gate).__name__,
            'chosen': self.chosen,
            **self.shapes,
        }

    def _classifier(self, name: str, runs: NetworkRuns | None) -> nn.Module:
        assert runs is not None, 'a loss asks for a classifier'
        side = runs.student if name == 'student_classifier' else runs.teacher_of(paths_of(self.teacher))
        return side.classifier()

    @property
    def _gate_needs_labels(self) -> bool:
        return self.gate is not None and 'labels' in inspect.signature(self.gate.forward).parameters

    def _check_gate(self) -> None:
        if self.gate is None:
            return
        if self.teacher is None:
            raise ValueError(f'term {self.name!r}: a gate decides by the logits of a teacher, but teacher=None')
        if mixes_clips(self.loss):
            raise ValueError(
                f'term {self.name!r}: {type(self.loss).__name__} compares the clips of a batch with one '
                'another, takes statistics over them or remembers them, so it has no loss of a single '
                'clip for a gate to leave out: drop the gate'
            )
        if 'loss' in self.name:
            raise ValueError(
                f"term {self.name!r}: its gate is logged as 'gate_{self.name}', which mmengine would add "
                "to the loss because of the 'loss' in it: give the term another name"
            )
