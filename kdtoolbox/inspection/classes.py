"""Checks that data sets, student and teachers have the same classes in the same order."""

from collections.abc import Iterator, Sequence

from torch import nn
from torch.utils.data import Dataset

from kdtoolbox.inspection.findings import Finding, error
from kdtoolbox.inspection.networks import num_classes_of, student_of, teachers_of
from kdtoolbox.taps import LOGITS


def head_of_the_labels(model: nn.Module, training: Dataset, validation: Dataset | None) -> Iterator[Finding]:
    """Refuse labels that do not fit the student's head, or other classes of the validation set or of a probe."""
    classes = classes_of(training)
    if not getattr(model, 'use_labels', True) or classes is None:
        return
    num_classes = num_classes_of(model)
    if not classes:
        yield error('no training video has a label: train without labels (model.use_labels=False)')
    elif num_classes != len(classes):
        yield error(
            f'the student has {num_classes} classes, but the training set has {len(classes)} '
            f'({classes[0]} … {classes[-1]}): set model.student.cls_head.num_classes={len(classes)}, '
            'or train without labels (model.use_labels=False)'
        )
    elif blended := blended_classes(model) - {num_classes}:
        yield error(
            f'the student has {num_classes} classes, but model.student.data_preprocessor.blending makes labels of '
            f'{max(blended)}: set num_classes={num_classes} in each of its augments'
        )
    else:
        others = {
            f'the probe of teacher {name!r}': getattr(teacher, 'probe_classes', None)
            for name, teacher in teachers_of(model).items()
        }
        if validation is not None:
            others['the validation set'] = classes_of(validation)
        yield from (
            error(words)
            for what, found in others.items()
            if found is not None and (words := unlike(what, found, 'the training set', classes))
        )


def blended_classes(model: nn.Module) -> set[int]:
    """The numbers of classes that mmaction2's blending of clips makes labels of."""
    blending = getattr(getattr(student_of(model), 'data_preprocessor', None), 'blending', None)
    return {one.num_classes for one in (blending, *getattr(blending, 'augments', ())) if one is not None}


def compared_logits(
    model: nn.Module, training: Dataset | None, validation: Dataset | None, *, scores_are_measured: bool
) -> Iterator[Finding]:
    """Refuse terms that compare logits of classes in one order with logits in another.

    The names that a checkpoint of a teacher tells may be spelt in another way than those of the data set: where they
    are not the same ones in another order, this is a warning.

    Args:
        scores_are_measured: a metric compares the student's scores with the labels of the validation set.
    """
    num_classes = num_classes_of(model)
    known = {
        f'teacher {name!r}' if name else 'the teacher': list(classes)
        for name, classes in _taught_classes(model)
        if not _told_by_weights(model, name) or len(classes) == num_classes
    }
    if known and getattr(model, 'use_labels', True) and training is not None and (trained := classes_of(training)):
        known['the training set'] = list(trained)
    measured = classes_of(validation) if scores_are_measured and validation is not None else None
    if known and measured is not None and len(measured) == num_classes:
        known['the validation set'] = list(measured)
    first, *rest = known.items() or [('', [])]
    may_be_spelt_otherwise = any(_told_by_weights(model, name) for name, _ in _taught_classes(model))
    for what, classes in rest:
        if words := unlike(first[0], first[1], what, classes):
            only_the_order = sorted(first[1]) == sorted(classes)
            yield Finding(words, is_error=only_the_order or not may_be_spelt_otherwise)


def classes_of(dataset: Dataset) -> list[str] | None:
    """Names in label order; None where the data set does not tell."""
    return getattr(dataset, 'metainfo', {}).get('classes')


def numbered_classes(model: nn.Module) -> list[str]:
    """Numbers in place of names, as many as the student's head has; none without such a head."""
    head = getattr(getattr(model, 'student', model), 'cls_head', None)
    return [f'number {label}' for label in range(getattr(head, 'num_classes', 0))]


def unlike(what: str, found: Sequence[str], other: str, expected: Sequence[str]) -> str:
    """The difference of two lists of classes as text; empty if they are equal."""
    if list(found) == list(expected):
        return ''
    pairs = [pair for pair in zip(expected, found) if pair[0] != pair[1]][:1]
    return (
        f'the classes of {what} are not those of {other}, in the same order: {len(found)} and {len(expected)}, first '
        f'difference {pairs}. Give both data sets the same metainfo=dict(classes=…), or fit the probe or store the '
        'texts again'
    )


def _told_by_weights(model: nn.Module, name: str) -> bool:
    return _own_classes(teachers_of(model)[name]) is None


def _own_classes(teacher: nn.Module | None) -> Sequence[str] | None:
    """Those of its probe or of its texts."""
    return getattr(teacher, 'probe_classes', None) or getattr(teacher, 'classes', None)


def _taught_classes(model: nn.Module) -> Iterator[tuple[str, Sequence[str]]]:
    """Name and classes of each teacher whose logits the student's are compared with, as far as it tells them."""
    criterion = getattr(model, 'criterion', None)
    for term in [] if criterion is None else criterion.terms.values():
        if (
            term.student != LOGITS
            or not isinstance(term.student_connector, nn.Identity)
            or not isinstance(term.teacher, str)
        ):
            continue
        name, _, path = f'.{term.teacher}'.rpartition('.') if '.' in term.teacher else ('', '', term.teacher)
        teacher = teachers_of(model).get(name.lstrip('.'))
        classes = _own_classes(teacher) or getattr(teacher, 'trained_classes', None)
        if path == LOGITS and classes:
            yield name.lstrip('.'), classes
