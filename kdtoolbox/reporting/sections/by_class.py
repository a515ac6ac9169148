"""Accuracy by class, and what distillation won and lost against a baseline."""

import numpy as np

from kdtoolbox.reporting.figures.accuracy import accuracy_by_class, won_and_lost
from kdtoolbox.reporting.intervals import share_of
from kdtoolbox.reporting.pages.blocks import Block, Picture, Section, Table, Text, missing
from kdtoolbox.reporting.runs.outcomes import ACCURACY, RETRIEVAL1, outcomes_of
from kdtoolbox.reporting.sections.context import Context

MAX_SHOWN = 40


def by_class(context: Context) -> Section:
    """A figure and a table over the classes, the largest changes first."""
    return Section(context.named('classes'), 'Accuracy by class', _blocks(context))


def _blocks(context: Context) -> list[Block]:
    outcomes = outcomes_of(context.run)
    record = context.run.record
    if outcomes is None or record is None:
        return missing(f'Accuracy by class is not measured: {context.how_to_measure}.')
    measure = ACCURACY if ACCURACY in outcomes.right else RETRIEVAL1
    labels, right = record.query_labels, outcomes.right[measure]
    present = np.unique(labels)
    classes = [str(record.classes[label]) if len(record.classes) else str(label) for label in present]
    shares = [share_of(right[labels == label]) for label in present]
    before = _of_baseline(context, measure, outcomes.query_ids)
    if before is None:
        order = sorted(range(len(present)), key=lambda place: shares[place].value)
        shown = order[:MAX_SHOWN]
        figure = accuracy_by_class([classes[place] for place in shown], [shares[place] for place in shown])
        rows = [[classes[place], str(shares[place].num), str(shares[place])] for place in order]
        caption = f'By {measure}, the lowest first' + _cut(len(shown), len(order)) + '; lines: 95 % interval.'
        reason = 'What distillation won and lost is not shown: name a training without it, `--baseline WORK_DIR`.'
        if context.baseline is not None:
            name = context.baseline.name
            reason = f'The baseline {name} was not measured on these videos: run `kdtoolbox report … --compute`.'
        return [
            Text(reason, 'missing'),
            Picture(figure, context.named('by-class'), caption),
            Table(('class', 'videos', measure), rows),
        ]
    assert context.baseline is not None
    olds = np.array([before[labels == label].mean() for label in present])
    news = np.array([one.value for one in shares])
    order = sorted(range(len(present)), key=lambda place: news[place] - olds[place], reverse=True)
    shown = order if len(order) <= MAX_SHOWN else [*order[: MAX_SHOWN // 2], *order[-MAX_SHOWN // 2 :]]
    figure = won_and_lost(
        [classes[place] for place in shown], olds[shown], news[shown], baseline=f'baseline {context.baseline.name}'
    )
    rows = [
        [
            classes[place],
            str(shares[place].num),
            f'{100 * olds[place]:.1f} %',
            str(shares[place]),
            f'{100 * (news[place] - olds[place]):+.1f}',
        ]
        for place in order
    ]
    caption = f'By {measure}, the largest gain first' + _cut(len(shown), len(order)) + '.'
    note = 'A class has few videos: a change of one or two of them is no evidence.'
    return [
        Picture(figure, context.named('by-class'), f'{caption} {note}'),
        Table(('class', 'videos', 'baseline', measure, 'points'), rows),
    ]


def _of_baseline(context: Context, measure: str, query_ids: list[str]) -> np.ndarray | None:
    other = outcomes_of(context.baseline) if context.baseline is not None else None
    if other is None or measure not in other.right or sorted(other.query_ids) != sorted(query_ids):
        return None
    places = {name: place for place, name in enumerate(other.query_ids)}
    return other.right[measure][[places[name] for name in query_ids]]


def _cut(num_shown: int, num: int) -> str:
    return f' ({num_shown} of {num} classes; all are in the table)' if num_shown < num else ''
