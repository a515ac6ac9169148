"""Whether the terms of a distiller fit its student, its teachers and the labels that it is given."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from torch import nn

from kdtoolbox.criterion.connections import paths_of
from kdtoolbox.criterion.dry_run import refuse_few_classes
from kdtoolbox.criterion.network_runs import linear_in, teacher_classifier
from kdtoolbox.criterion.term import Term
from kdtoolbox.distillers.student_tokens import check_teacher_keep, refuse_without_hidden
from kdtoolbox.distillers.teacher_paths import teacher_and_path
from kdtoolbox.hidden_tokens import VisibleTokens
from kdtoolbox.taps import LOGITS
from kdtoolbox.views import View


def check_terms(
    terms: Sequence[Term],
    *,
    student: nn.Module,
    teachers: Mapping[str, nn.Module],
    use_labels: bool,
    student_tokens: VisibleTokens | None,
) -> None:
    """Check each term.

    Args:
        terms: those with a weight.
        student: an mmaction2 recognizer.
        teachers: by their names.
        use_labels: whether the training has labels.
        student_tokens: what chooses the tokens that the student sees.

    Raises:
        ValueError: a loss needs labels, a classifier, more classes or hidden tokens that are not there, or does not go
            with blended clips.
    """
    recognizer = cast(Any, student)
    for term in terms:
        if term.needs_labels and not use_labels:
            what = term.loss if 'labels' in term.extra_inputs else term.gate
            raise ValueError(f'term {term.name!r}: {type(what).__name__} needs labels, but use_labels=False')
        _check_classifiers(term, recognizer.cls_head, teachers)
        refuse_without_hidden(term, student_tokens)
        of_logits = term.student == LOGITS and isinstance(term.student_connector, nn.Identity)
        if of_logits or 'student_classifier' in term.extra_inputs:
            refuse_few_classes(term, recognizer.cls_head.num_classes)
    check_teacher_keep(student_tokens, teachers, terms)
    blending = getattr(recognizer.data_preprocessor, 'blending', None)
    if blending is not None:
        _check_blending(type(blending).__name__, terms, teachers, hides_tokens=student_tokens is not None)


def _check_classifiers(term: Term, head: nn.Module, teachers: Mapping[str, nn.Module]) -> None:
    if 'student_classifier' in term.extra_inputs:
        linear_in(head, 'student')
    if 'teacher_classifier' in term.extra_inputs:
        names = {teacher_and_path(path, teachers, term=term.name)[0] for path in paths_of(term.teacher)}
        if len(names) != 1:
            raise ValueError(
                f"term {term.name!r}: {type(term.loss).__name__} asks for the teacher's classifier, "
                f'but taps {f"several teachers, {sorted(names)}" if names else "no teacher"}'
            )
        teacher_classifier(teachers[names.pop()])


def _check_blending(
    blending: str, terms: Sequence[Term], teachers: Mapping[str, nn.Module], *, hides_tokens: bool
) -> None:
    if hides_tokens:
        raise ValueError(
            f'the student blends clips ({blending}), but with student_tokens it sees only some of the tokens, which '
            'belong to one clip: remove blending from its data_preprocessor'
        )
    where = f'the student blends clips ({blending} in its data_preprocessor)'
    for term in terms:
        if term.needs_labels or 'sample_ids' in term.extra_inputs:
            raise ValueError(
                f'term {term.name!r} asks for the {"label" if term.needs_labels else "sample_id"} of each clip, '
                f'but {where}, which then have two: remove blending, or take another loss'
            )
    for name, teacher in teachers.items():
        if type(teacher.view) is not View:  # such as one of stored outputs
            raise ValueError(
                f'the teacher {name} is not shown the pixels of a clip ({type(teacher).__name__}), but {where}: '
                'remove blending, or give a teacher that runs'
            )
