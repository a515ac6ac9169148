"""One student learns from frozen teachers, and from labels if there are any."""

from collections.abc import Mapping, Sequence

import torch
from mmengine.logging import MessageHub
from mmengine.model import BaseModel
from torch import Tensor, nn

from kdtoolbox.distillers.criterion import Criterion, Term, paths_of
from kdtoolbox.distillers.view_preprocessor import ViewPreprocessor
from kdtoolbox.registry import MODELS
from kdtoolbox.taps import FEATURES, Taps, pool_to_vector
from kdtoolbox.views import View

UNLABELLED = -1


class Unregistered:
    """Holds modules without making them part of the module that has it.

    What is in here is in no ``parameters()``, ``state_dict()``, optimizer or DDP bucket, and a deep copy of the owner
    (the EMA hook makes one) shares it.
    """

    def __init__(self, modules: Mapping[str, nn.Module]) -> None:
        self.modules = dict(modules)

    def __deepcopy__(self, memo: dict) -> 'Unregistered':
        return self


@MODELS.register_module()
class Distiller(BaseModel):
    """Train a video recognizer to agree with frozen teachers.

    The student is an ordinary mmaction2 recognizer and stays one: with no terms, this model gives the very losses the
    student gives by itself. The teachers are outside the module tree, see :class:`Unregistered`. What the criterion
    learns (connectors) is stored under ``criterion.`` beside ``student.``.

    Args:
        student: config of an mmaction2 recognizer with a ``cls_head``.
        teacher: config of a teacher, or name -> config of several. Not built when no term needs it.
        terms: name -> arguments of :class:`Term`.
        student_view: arguments of the student's :class:`View` in training; its normalisation is the student's own.
        use_labels: False trains without the labels. With True, samples labelled -1 count in the terms only: their part
            in the mean of the student's own loss over the batch is 0.

    Raises:
        ValueError: student, teachers and terms do not fit together.
    """

    def __init__(self, student: Mapping, *, teacher: Mapping | None = None, terms: Mapping[str, Mapping] | None = None,
                 student_view: Mapping | None = None, use_labels: bool = True) -> None:
        super().__init__()
        self.student = MODELS.build(dict(student))
        if getattr(self.student, 'cls_head', None) is None:
            raise ValueError(f'the student {type(self.student).__name__} has no cls_head: a student is an mmaction2 '
                             'recognizer with a classification head')
        self.criterion = Criterion(terms or {})
        self.use_labels = use_labels
        self._teachers = Unregistered(self._build_teachers(teacher))
        self._check_terms()
        self._taps = Taps(self.student, [FEATURES, *self._student_paths(self.criterion.terms.values())],
                          classifier='cls_head', owner='student')
        self.data_preprocessor = ViewPreprocessor(
            self.student.data_preprocessor, student_view=View(**student_view) if student_view else None,
            teacher_views=lambda: {name: self.teachers[name].view for name in self._needed_teachers()})

    @property
    def teachers(self) -> dict[str, nn.Module]:
        """name -> teacher; a single one is called ``''``."""
        return self._teachers.modules

    def forward(self, inputs: Tensor, data_samples: Sequence | None = None, mode: str = 'tensor',
                teacher_inputs: Mapping[str, Tensor] | None = None, **kwargs):
        """As a recognizer's, with the teachers' views beside the student's in training.

        Args:
            inputs: (N, clips, 3, T, H, W), as the student takes it.
            data_samples: N of them.
            mode: ``'loss'``, ``'predict'`` or ``'tensor'``; the last two involve the student alone.
            teacher_inputs: name -> (N, T', 3, h, w).
        """
        if mode == 'loss':
            return self.loss(inputs, data_samples, teacher_inputs or {})
        if mode == 'predict':
            return self.predict(inputs, data_samples)
        return self.student(inputs, data_samples, mode=mode, **kwargs)

    def loss(self, inputs: Tensor, data_samples: Sequence, teacher_inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The student's own losses, if labels are used, and ``loss_<name>`` of each term."""
        progress = training_progress()
        active = self.criterion.active(progress)
        labels = _labels(data_samples, inputs.device)
        with self._taps.listening(self._student_paths(active)) as outputs:
            losses = self._task_losses(inputs, data_samples, labels)
        if not active:
            return losses
        if FEATURES in outputs:
            outputs[FEATURES] = pool_to_vector(outputs[FEATURES], len(data_samples))
        answers = {f'{name}.{path}' if name else path: answer for name in self._needed_teachers()
                   for path, answer in self.teachers[name](teacher_inputs[name]).items()}
        sample_ids = [sample.metainfo.get('sample_id') for sample in data_samples]
        terms = self.criterion(outputs, answers, labels=labels, sample_ids=sample_ids, progress=progress)
        if clash := sorted(losses.keys() & terms.keys()):
            raise ValueError(f"the student has a loss {clash[0]!r} of its own: call the term something else than "
                             f'{clash[0].removeprefix("loss_")!r}')
        return {**losses, **terms}

    def predict(self, inputs: Tensor, data_samples: Sequence) -> Sequence:
        """The student's predictions; each sample also gets ``clip_features`` (C,), the mean over its clips."""
        with self._taps.listening([FEATURES]) as outputs:
            predictions = self.student(inputs, data_samples, mode='predict')
        features = pool_to_vector(outputs[FEATURES], len(data_samples)).float()
        for sample, feature in zip(predictions, features):
            sample.set_field(feature, 'clip_features', dtype=Tensor)
        return predictions

    def _task_losses(self, inputs: Tensor, data_samples: Sequence, labels: Tensor) -> dict[str, Tensor]:
        labelled = labels != UNLABELLED
        num_classes = self.student.cls_head.num_classes
        if self.use_labels and labels.dim() == 1 and int(labels.max()) >= num_classes:
            raise ValueError(f'a training sample has the label {int(labels.max())}, but the student has {num_classes} '
                             f'classes, 0 to {num_classes - 1}')
        if self.use_labels and bool(labelled.all()):
            return self.student(inputs, data_samples, mode='loss')
        if self.student.with_neck:
            raise ValueError('a student with a neck computes losses of its own there, for which every sample needs a '
                             f'label; {int((~labelled).sum())} of {len(labels)} have none, use_labels={self.use_labels}')
        logits = self.student(inputs, mode='tensor', stage='head')
        if not self.use_labels:
            return {}
        if not labelled.any():
            return {'loss_cls': logits.sum() * 0}
        losses = self.student.cls_head.loss_by_feat(
            logits[labelled], [sample for sample, has_label in zip(data_samples, labelled.tolist()) if has_label])
        # The mean over the whole batch: a labelled sample counts the same whoever stands beside it.
        share = labelled.float().mean()
        return {name: value * share if 'loss' in name else value for name, value in losses.items()}

    def _build_teachers(self, config: Mapping | None) -> dict[str, nn.Module]:
        configs = {} if config is None else {'': config} if 'type' in config else dict(config)
        needed = {path for term in self.criterion.terms.values() for path in paths_of(term.teacher)}
        return {name: MODELS.build(dict(one)) for name, one in configs.items()
                if any(not name or path.startswith(f'{name}.') for path in needed)}

    def _check_terms(self) -> None:
        paths: dict[str, list[str]] = {name: [] for name in self.teachers}
        for term in self.criterion.terms.values():
            for path in paths_of(term.teacher):
                name, inner = self._split(term, path)
                paths[name].append(inner)
            if 'labels' in term.extra_inputs and not self.use_labels:
                raise ValueError(f'term {term.name!r}: {type(term.loss).__name__} needs labels, but use_labels=False')
        for name, teacher in self.teachers.items():
            teacher.listen(paths[name])
        blending = getattr(self.student.data_preprocessor, 'blending', None)
        if self.teachers and blending is not None:
            raise ValueError(f'the student blends clips ({type(blending).__name__}) after the teachers got theirs, so they '
                             'would answer for other clips: remove blending from its data_preprocessor')
        if not self.use_labels and not self.criterion.terms:
            raise ValueError('nothing to learn from: use_labels=False and no term has a weight')

    def _split(self, term: Term, path: str) -> tuple[str, str]:
        """'<teacher>.<path>' -> (teacher, path); with a single teacher the path is all of it."""
        if '' in self.teachers:
            return '', path
        name, _, inner = path.partition('.')
        if name not in self.teachers or not inner:
            raise ValueError(f'term {term.name!r}: teacher={path!r} names no teacher. '
                             + (f'With several teachers write "<teacher>.<path>"; there are {sorted(self.teachers)}.'
                                if self.teachers else 'There is none: give the distiller a teacher.'))
        return name, inner

    def _needed_teachers(self) -> list[str]:
        paths = [path for term in self.criterion.active(training_progress()) for path in paths_of(term.teacher)]
        return [name for name in self.teachers if not name and paths or any(p.startswith(f'{name}.') for p in paths)]

    @staticmethod
    def _student_paths(terms) -> list[str]:
        return [path for term in terms for path in paths_of(term.student)]

    def _apply(self, fn, recurse: bool = True) -> 'Distiller':
        """Move and cast the teachers along."""
        super()._apply(fn, recurse)
        for teacher in self.teachers.values():
            teacher._apply(fn, recurse)
        return self


def training_progress() -> float:
    """Share of the running training that is done, [0, 1]; 0 outside one."""
    hub = MessageHub.get_current_instance()
    max_iters = hub.get_info('max_iters') if 'max_iters' in hub.runtime_info else None
    return min(1.0, hub.get_info('iter', 0) / max_iters) if max_iters else 0.0


def _labels(data_samples: Sequence, device: torch.device) -> Tensor:
    """(N,), -1 where a sample has none."""
    labels = [sample.gt_labels.item.to(device) if 'gt_labels' in sample else torch.tensor([UNLABELLED], device=device)
              for sample in data_samples]
    if any(label.numel() != 1 for label in labels):
        return torch.stack(labels)
    return torch.cat([label.view(1) for label in labels])
