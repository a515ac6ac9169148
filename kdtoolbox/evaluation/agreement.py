"""Agreement of the student's predictions with the teacher's."""

from collections.abc import Mapping, Sequence

import torch
from mmengine.device import get_device
from mmengine.evaluator import BaseMetric
from mmengine.logging import MMLogger
from torch import Tensor, nn

from kdtoolbox.evaluation.metric_samples import scored_queries, scored_sample, scores_and_labels
from kdtoolbox.evaluation.probabilities import (
    average_over_clips,
    checked_average,
    class_probabilities,
    log_probabilities,
)
from kdtoolbox.registry import METRICS, MODELS
from kdtoolbox.views import view_of


def agreement_with_teacher(student: Tensor, teacher: Tensor, labels: Tensor | None = None) -> dict[str, float]:
    """Agreement of two classifiers on Q samples.

    - ``top1``: share with the same most probable class; of equally probable ones the lowest counts.
    - ``kl``: KL(teacher || student) in nats, mean over the samples.
    - with labels, ``student_acc`` and ``teacher_acc``, and the student's accuracy over the samples the teacher gets
      right, ``student_acc_teacher_right``, and wrong, ``student_acc_teacher_wrong``; where there are no such samples,
      the key is left out.

    Args:
        student: probabilities (Q, K).
        teacher: probabilities (Q, K).
        labels: (Q,), of the same K classes.

    >>> agreement_with_teacher(torch.tensor([[0.5, 0.5], [0.25, 0.75]]), torch.tensor([[1.0, 0.0], [1.0, 0.0]]))
    {'top1': 0.5, 'kl': 1.0397207708399179}
    """
    student, teacher = student.double(), teacher.double()
    said, taught = student.argmax(1), teacher.argmax(1)
    kl = (teacher * (log_probabilities(teacher) - log_probabilities(student))).sum(1)
    result = {'top1': (said == taught).double().mean().item(), 'kl': kl.mean().item()}
    if labels is None:
        return result
    is_right, teacher_is_right = said == labels, taught == labels
    subsets = {
        'student_acc': torch.ones_like(is_right),
        'student_acc_teacher_right': teacher_is_right,
        'student_acc_teacher_wrong': ~teacher_is_right,
    }
    accuracies = {name: is_right[subset].double().mean().item() for name, subset in subsets.items() if subset.any()}
    return result | {'teacher_acc': teacher_is_right.double().mean().item()} | accuracies


def teacher_probabilities(teacher: nn.Module, clips: Tensor, *, average_clips: str) -> Tensor:
    """The teacher's probabilities for one video, averaged over its clips and crops as the student's are.

    The teacher gets the clips on which the student is tested, in its own view: its size, frame stride and
    normalisation.

    Args:
        clips: uint8 as the data loader gives them, (M, 3, T, H, W), or (T, 3, H, W) for a 2D student.
        average_clips: of the student's head.

    Returns:
        (K,), float64, on the CPU.
    """
    clips = clips if clips.dim() == 5 else clips.transpose(0, 1).unsqueeze(0)
    frames = view_of(teacher).render(clips.to(next(teacher.parameters()).device)).transpose(1, 2)
    logits = teacher(frames)['logits'].double().cpu()
    # A teacher that does not pool gives the logits of frames, (M, T', K): their mean is the clip's.
    return average_over_clips(logits.mean(1) if logits.dim() == 3 else logits, average_clips=average_clips)


NAMED_BY = {'probe': 'probe_classes', 'texts': 'classes', 'weights': 'trained_classes'}
"""What names the classes of a teacher's logits, and its attribute."""


@METRICS.register_module()
class TeacherAgreement(BaseMetric):
    """Agreement of the student with its teacher on the query videos, see :func:`agreement_with_teacher`.

    The metric builds its own teacher and runs it on the test clips; the tested model is the student alone. Both must
    have the same classes: those of the data set (a teacher with a probe, or trained on the data set) or the teacher's
    own (a student that learned the teacher's logits without labels). In the second case the labels cannot be used, and
    only ``top1`` and ``kl`` are reported.

    Args:
        teacher: config of a teacher.
        average_clips: of the student's head, ``'prob'`` or ``'score'``: whether its scores are probabilities or logits;
            the teacher's outputs are averaged in the same way. The commands of kdtoolbox set it.
        collect_device: where results of several processes meet, ``'cpu'`` or ``'gpu'``.
        prefix: of the keys, instead of ``agreement``.

    Raises:
        ValueError: student and teacher have different classes, ``average_clips`` is not given, a sample has no scores
            or no label, or there is no query.
    """

    default_prefix = 'agreement'

    def __init__(
        self,
        *,
        teacher: Mapping,
        average_clips: str | None = None,
        collect_device: str = 'cpu',
        prefix: str | None = None,
    ) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
        self.average_clips = checked_average(average_clips, metric='TeacherAgreement')
        self.teacher = MODELS.build(dict(teacher)).to(get_device())

    def process(self, data_batch: Mapping, data_samples: Sequence[Mapping]) -> None:
        """Store scores, label and teacher probabilities of each query, and an empty entry for every other sample."""
        for clips, sample in zip(data_batch['inputs'], data_samples, strict=True):
            result = scored_sample(sample)
            if 'scores' in result:
                result['teacher'] = teacher_probabilities(self.teacher, clips, average_clips=self.average_clips)
                self._check_number(len(result['scores']), len(result['teacher']))
            self.results.append(result)

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Agreement over the queries of all processes."""
        queries = scored_queries(results, what='agreement')
        scores = torch.stack([query['scores'] for query in queries])
        teacher = torch.stack([query['teacher'] for query in queries])
        classes = (self.dataset_meta or {}).get('classes')
        if classes and len(classes) == scores.shape[1]:
            self._check_names(classes)
            scores, labels = scores_and_labels(queries)
        else:
            labels = None
            MMLogger.get_current_instance().info(
                f"agreement: student and teacher have {scores.shape[1]} classes, which are not the data set's "
                f'{len(classes or ())}: nothing is said about being right or wrong'
            )
        student = class_probabilities(scores, average_clips=self.average_clips)
        return agreement_with_teacher(student, teacher, labels)

    def _check_number(self, num_student: int, num_teacher: int) -> None:
        if num_student != num_teacher:
            raise ValueError(
                f'agreement: the student has {num_student} classes and the teacher {num_teacher}. Give '
                "the teacher the data set's: fit a probe with tools/fit_probe.py CONFIG --out probe.pth "
                'and set model.teacher.probe=probe.pth'
            )

    def _check_names(self, classes: Sequence[str]) -> None:
        told = {what: getattr(self.teacher, name, None) for what, name in NAMED_BY.items()}
        if told['weights'] and sorted(told['weights']) != sorted(classes):
            told['weights'] = None  # names in a checkpoint may be spelt in another way
        what, found = next(((what, found) for what, found in told.items() if found), ('', None))
        if found is not None and list(found) != list(classes):
            unlike = next((pair for pair in zip(found, classes) if pair[0] != pair[1]), None)
            raise ValueError(
                f"agreement: the classes of the teacher's {what} are not those of the test set, in the same "
                f'order: {len(found)} and {len(classes)}, first difference {unlike}. Fit the probe or store the texts '
                "again, or give the data set the teacher's order: metainfo=dict(classes=…)"
            )
