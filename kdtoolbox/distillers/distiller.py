"""The distiller: one student learns from frozen teachers, with or without labels."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, cast

import torch
from mmengine.model import BaseModel
from torch import Tensor, nn

from kdtoolbox.criterion.batch_labels import labels_of, training_progress, zero_with_graph
from kdtoolbox.criterion.criterion import checked_terms, paths_of
from kdtoolbox.criterion.dry_run import untouched_randomness
from kdtoolbox.criterion.from_config import criterion_for
from kdtoolbox.criterion.network_runs import NetworkRuns, student_run, teacher_run
from kdtoolbox.distillers import memory_format
from kdtoolbox.distillers.cached_tokens import CachedTokens
from kdtoolbox.distillers.student_tokens import (
    attention_paths,
    checked_tokens,
    draw_hidden,
    pixels_of,
    require_attention,
)
from kdtoolbox.distillers.task_losses import task_losses
from kdtoolbox.distillers.teacher_paths import named_by, teacher_and_path, without_answer
from kdtoolbox.distillers.term_checks import check_terms
from kdtoolbox.hidden_tokens import clips_of, hiding
from kdtoolbox.inspection.gradients import NO_LOSS
from kdtoolbox.registry import MODELS
from kdtoolbox.taps import FEATURES, LOGITS, Taps, pool_to_vector
from kdtoolbox.unregistered_modules import UnregisteredModules
from kdtoolbox.views import View, view_of
from kdtoolbox.views.preprocessor import ViewPreprocessor

__all__ = ['Distiller', 'UnregisteredModules', 'training_progress']


@MODELS.register_module()
class Distiller(BaseModel):
    """Train a video recognizer to agree with frozen teachers.

    The student is an unchanged mmaction2 recognizer: without terms, the losses are exactly those of the student alone.
    The teachers are no submodules, see :class:`UnregisteredModules`. In checkpoints, learned connectors have the prefix
    ``criterion.``, the student has ``student.``.

    Args:
        student: config of an mmaction2 recognizer with a ``cls_head``.
        teacher: config of a teacher, or name -> config of several. Teachers that no term uses are not built.
        terms: name -> arguments of :class:`Term`; channels and the student's connector may be ``'auto'``, see
            :func:`fill_in`.
        student_view: arguments of the student's :class:`View` in training; its normalisation is the student's own.
        use_labels: False trains without labels. With True, samples labelled -1 are used by the terms only: they count 0
            in the mean of the student's own loss over the batch.
        clip_shape: frames, height and width of the decoded clips, for the forward pass on noise that finds the shapes
            when the distiller is built, see :func:`criterion_for`; default: 16 frames in the size of the student's
            view.
        clip_size: height and width, or one number, to which training clips are resized on the device; their pipeline
            then needs no Resize behind its crop.
        student_tokens: for a student that is a transformer, which of its tokens it computes in training:
            ``RandomTokens``, ``TubeTokens`` or ``AttentionTokens``. Validation and prediction see all.
        task_sees: ``'all'``: the student's own loss is of all tokens, in a forward pass of its own, ``'visible'``: of
            those that it sees.
        channels_last: whether the student's convolutions compute with channels last, see :func:`channels_last`.

    Raises:
        ValueError: student, teachers and terms do not fit together.
    """

    learns_without_terms = False  # from anything but labels

    def __init__(
        self,
        student: Mapping,
        *,
        teacher: Mapping | None = None,
        terms: Mapping[str, Mapping] | None = None,
        student_view: Mapping | None = None,
        use_labels: bool = True,
        clip_shape: tuple[int, int, int] | None = None,
        clip_size: int | tuple[int, int] | None = None,
        student_tokens: Mapping | None = None,
        task_sees: str = 'all',
        channels_last: bool = False,
    ) -> None:
        super().__init__()
        self.student = MODELS.build(dict(student))
        if getattr(self.student, 'cls_head', None) is None:
            raise ValueError(
                f'the student {type(self.student).__name__} has no cls_head: a student is an mmaction2 '
                'recognizer with a classification head'
            )
        if channels_last:
            memory_format.channels_last(self.student)
        self.use_labels = use_labels
        self.student_tokens = checked_tokens(student_tokens, self.student, task_sees=task_sees)
        self.task_sees = task_sees
        view = View(**student_view) if student_view else None
        terms = checked_terms(terms or {})
        with untouched_randomness():  # a teacher with random weights must not change the student's random weights
            self._teachers = UnregisteredModules(self._build_teachers(teacher, terms, view))
        for built in self.teachers.values():
            if hasattr(built, 'check_clip_size'):
                cast(Any, built).check_clip_size(clip_size)
        self._set_taps(terms)
        self.criterion = criterion_for(
            terms,
            self.student,
            self.teachers,
            student_view=view,
            clip_shape=clip_shape,
            student_tokens=self.student_tokens,
        )
        check_terms(
            self.criterion.all(),
            student=self.student,
            teachers=self.teachers,
            use_labels=use_labels,
            student_tokens=self.student_tokens,
        )
        if not use_labels and not self.criterion.terms and not self.learns_without_terms:
            raise ValueError('nothing to learn from: use_labels=False and no term has a weight')
        self._cached = CachedTokens(self.student_tokens, self.teachers, self.criterion.all())
        self.data_preprocessor = ViewPreprocessor(
            self.student.data_preprocessor,
            student_view=view,
            teacher_views=self._needed_views,
            clip_size=clip_size,
        )

    @property
    def teachers(self) -> dict[str, nn.Module]:
        """name -> teacher; a single one is called ``''``."""
        return self._teachers.modules

    def forward(
        self,
        inputs: Tensor,
        data_samples: Sequence | None = None,
        mode: str = 'tensor',
        teacher_inputs: Mapping[str, Tensor] | None = None,
        **kwargs,
    ):
        """The forward pass of a recognizer; in training also with the inputs of the teachers.

        Args:
            inputs: (N, clips, 3, T, H, W), as the student takes it.
            data_samples: N of them.
            mode: ``'loss'``, ``'predict'`` or ``'tensor'``; the last two involve the student alone.
            teacher_inputs: name -> (N, T', 3, h, w).
        """
        if mode == 'loss':
            self._check_teachers_move()
            losses = self.loss(inputs, data_samples or (), teacher_inputs or {})
            return (
                losses if any('loss' in name for name in losses) else {**losses, NO_LOSS: zero_with_graph(self.student)}
            )
        if mode == 'predict':
            return self.predict(inputs, data_samples or ())
        return self.student(inputs, data_samples, mode=mode, **kwargs)

    def loss(self, inputs: Tensor, data_samples: Sequence, teacher_inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The student's own losses, if labels are used, and ``loss_<name>`` of each term."""
        progress = training_progress()
        active = self.criterion.active(progress)
        labels = labels_of(data_samples, inputs.device)
        sample_ids = [sample.metainfo.get('sample_id') for sample in data_samples]
        answers: dict[str, Tensor] = {}
        of_teachers: dict[str, Tensor] = {}
        hidden, kept = None, None
        if any(term.gate is not None for term in active):
            # Before the student: the host knows what is kept while it runs.
            answers = self._answers(teacher_inputs, self._see_all())
            kept = self.criterion.kept(answers, labels, progress=progress)
        if self.student_tokens is not None and active:
            answers, hidden, of_teachers = self.drawn_tokens(inputs, sample_ids, teacher_inputs, answers)
        with self._taps.listening(self._student_paths(active)) as outputs, hiding(self.student, hidden):
            if hidden is None or self.task_sees == 'visible':
                losses = self._task_losses(inputs, data_samples, labels)
            else:
                self.student(inputs, mode='tensor', stage='head')
        if hidden is not None and self.task_sees == 'all':
            losses = self._task_losses(inputs, data_samples, labels) if self.use_labels else {}
        if not active:
            return losses
        if FEATURES in outputs:
            outputs[FEATURES] = pool_to_vector(outputs[FEATURES], len(data_samples))
        answers |= self._answers(teacher_inputs, without_answer(self._needed_teachers(), answers), of_teachers)
        answers |= self._cached.read(self.teachers, teacher_inputs, active, hidden)
        terms = self.criterion(
            outputs,
            answers,
            labels=labels,
            sample_ids=sample_ids,
            progress=progress,
            runs=self._network_runs(inputs, teacher_inputs),
            hidden_tokens=hidden,
            teacher_hidden_tokens=of_teachers,
            clips=clips_of(inputs),
            kept=kept,
        )
        if clash := sorted(losses.keys() & terms.keys()):
            raise ValueError(
                f'the student has a loss {clash[0]!r} of its own: call the term something else than '
                f'{clash[0].removeprefix("loss_")!r}'
            )
        return {**losses, **terms}

    def drawn_tokens(
        self,
        inputs: Tensor,
        sample_ids: Sequence[str | None],
        teacher_inputs: Mapping[str, Tensor],
        answers: Mapping[str, Tensor] | None = None,
    ) -> tuple[dict[str, Tensor], Tensor | None, dict[str, Tensor]]:
        """Draw which tokens are hidden in a step; a teacher whose attention is needed runs before the student.

        Args:
            inputs: of the student.
            sample_ids: of its clips.
            teacher_inputs: name -> (N, T', 3, h, w).
            answers: of teachers that have been run.

        Returns:
            The answers with those of that teacher; the student's hidden tokens (N, L), True where it sees nothing, None
            for nowhere; name -> those of a teacher that computes only a part.
        """
        assert self.student_tokens is not None, 'a distiller without student_tokens hides none'
        known = dict(answers or {})
        looked_at = [
            teacher_and_path(path, self.teachers, term='student_tokens')[0]
            for path in attention_paths(self.student_tokens)
        ]
        known |= self._answers(teacher_inputs, without_answer(looked_at, known))
        return known, *draw_hidden(self.student_tokens, self.student, inputs, sample_ids, known)

    @torch.no_grad()
    def visible_pixels(self, data: Mapping) -> Tensor | None:
        """(N, T, H, W), True for the pixels of the tokens that the student would compute of a batch of the training.

        None without hidden tokens. For pictures: the draw counts as a step.
        """
        if self.student_tokens is None:
            return None
        ids = [sample.metainfo.get('sample_id') for sample in data['data_samples']]
        hidden = self.drawn_tokens(data['inputs'], ids, data.get('teacher_inputs', {}))[1]
        return pixels_of(hidden, self.student, data['inputs'])

    def predict(self, inputs: Tensor, data_samples: Sequence) -> Sequence:
        """The student's predictions; each sample also gets ``clip_features`` (C,), the mean over its clips."""
        with self._taps.listening([FEATURES]) as outputs:
            predictions = self.student(inputs, data_samples, mode='predict')
        features = pool_to_vector(outputs[FEATURES], len(data_samples)).float()
        for sample, feature in zip(predictions, features):
            sample.set_field(feature, 'clip_features', dtype=Tensor)
        return predictions

    def _answers(
        self, teacher_inputs: Mapping[str, Tensor], names: Sequence[str], hidden: Mapping[str, Tensor] | None = None
    ) -> dict[str, Tensor]:
        """What teachers give, by the paths of the terms' taps; of some the tokens that are not hidden.

        Without the taps that :class:`CachedTokens` reads after the draw.
        """
        answers: dict[str, Tensor] = {}
        for name in names:
            teacher, frames, mask = cast(Any, self.teachers[name]), teacher_inputs[name], (hidden or {}).get(name)
            if (early := self._cached.early(name, teacher)) is not None:
                outputs = teacher.read(frames, early)
            else:
                outputs = teacher(frames) if mask is None else teacher.outputs_of_visible(frames, mask)
            answers |= {f'{name}.{path}' if name else path: answer for path, answer in outputs.items()}
        return answers

    def _task_losses(self, inputs: Tensor, data_samples: Sequence, labels: Tensor) -> dict[str, Tensor]:
        return task_losses(self.student, inputs, data_samples, labels if self.use_labels else None)

    def _network_runs(self, inputs: Tensor, teacher_inputs: Mapping[str, Tensor]) -> NetworkRuns:
        view = self.data_preprocessor.student_view
        return NetworkRuns(
            student_run(self.student, inputs, view.frame_stride if view else 1),
            {name: teacher_run(name, self.teachers[name], frames) for name, frames in teacher_inputs.items()},
        )

    def _build_teachers(
        self, config: Mapping | None, terms: Mapping[str, Mapping], student_view: View | None
    ) -> dict[str, nn.Module]:
        configs = {} if config is None else {'': config} if 'type' in config else dict(config)
        needed = {path for term in terms.values() for path in paths_of(term.get('teacher', LOGITS))}
        needed |= set(attention_paths(self.student_tokens))
        return {name: self._build_teacher(configs[name], student_view) for name in named_by(needed, configs)}

    def _build_teacher(self, config: Mapping, student_view: View | None) -> nn.Module:
        """Build a teacher; one that is made from the student (EMATeacher) gets ``student`` and ``student_view``."""
        offered = {'student': self.student, 'student_view': student_view}
        asked = inspect.signature(MODELS.get(config['type'])).parameters
        return MODELS.build({**{name: value for name, value in offered.items() if name in asked}, **config})

    def _set_taps(self, terms: Mapping[str, Mapping]) -> None:
        """Set the taps of the student and of the teachers that the configs of the terms name."""
        paths: dict[str, list[str]] = {name: [] for name in self.teachers}
        for name, term in terms.items():
            for path in paths_of(term.get('teacher', LOGITS)):
                teacher, inner = teacher_and_path(path, self.teachers, term=name)
                paths[teacher].append(inner)
            if term.get('gate') is not None:  # which decides by the logits of the term's first teacher
                first, _ = teacher_and_path(paths_of(term.get('teacher', LOGITS))[0], self.teachers, term=name)
                paths[first].append(LOGITS)
        for path in attention_paths(self.student_tokens):
            owner, inner = teacher_and_path(path, self.teachers, term='student_tokens')
            require_attention(self.teachers[owner])
            paths[owner].append(inner)
        for name, listened in paths.items():
            cast(Any, self.teachers[name]).listen(listened)
        student_paths = [path for term in terms.values() for path in paths_of(term.get('student', LOGITS))]
        self._taps = Taps(self.student, [FEATURES, *student_paths], classifier='cls_head', owner='student')

    def _check_teachers_move(self) -> None:
        """Raise ValueError if an EMA teacher is not updated because its hook is missing."""
        still = [name for name, teacher in self.teachers.items() if getattr(teacher, 'is_followed', True) is False]
        if still and self.is_init:
            raise ValueError(
                f'{type(self.teachers[still[0]]).__name__} {still[0]}'.strip() + ' is a random network that '
                "nothing moves: add dict(type='EMATeacherHook') to custom_hooks, which a list of one's own "
                'replaces as a whole'
            )

    def _needed_teachers(self) -> list[str]:
        paths = [path for term in self.criterion.active(training_progress()) for path in paths_of(term.teacher)]
        paths += attention_paths(self.student_tokens)
        return named_by(paths, self.teachers)

    def _see_all(self) -> list[str]:
        """The needed teachers that compute all of their tokens."""
        shares = self.student_tokens.teacher_keep if self.student_tokens else {}
        return [name for name in self._needed_teachers() if shares.get(name, 1) == 1]

    def _needed_views(self) -> dict[str, View]:
        return {name: view_of(self.teachers[name]) for name in self._needed_teachers()}

    @staticmethod
    def _student_paths(terms) -> list[str]:
        return [path for term in terms for path in paths_of(term.student)]

    def _apply(self, fn, recurse: bool = True) -> 'Distiller':
        """Move and cast the teachers together with the student."""
        super()._apply(fn, recurse)
        for teacher in self.teachers.values():
            teacher._apply(fn, recurse)
        return self
