"""Clips to look at: queries with their nearest videos, and where student and teacher disagree."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from kdtoolbox.evaluation.video_record import UNLABELLED, VideoRecord
from kdtoolbox.reporting.pages.blocks import Block, Card, Clip, Gallery, Section, Text, missing
from kdtoolbox.reporting.runs.outcomes import (
    TEACHER,
    can_be_searched,
    has_labels,
    neighbours_of,
    ranks_of,
    usable_probabilities,
)
from kdtoolbox.reporting.sections.context import Context
from kdtoolbox.reporting.sections.mistakes import why_no_scores

NUM_NEIGHBOURS, MAX_QUERIES, MAX_DISAGREEMENTS = 5, 48, 36


def retrieval_gallery(context: Context) -> Section:
    """Query videos and their nearest training videos, the worst queries first."""
    return Section(context.named('retrieval'), 'Nearest training videos', _retrieval(context))


def disagreements(context: Context) -> Section:
    """Test videos for which student and teacher predict different classes."""
    return Section(context.named('disagreements'), 'Where student and teacher disagree', _disagreements(context))


def _retrieval(context: Context) -> list[Block]:
    record = context.run.record
    if record is None or not len(record.features):
        return missing(f'Nearest videos are not measured: {context.how_to_measure}.')
    if not can_be_searched(record, record.features):
        return missing('Nearest videos are not measured: the test data hold no gallery and queries (role).')
    cosines, places = neighbours_of(record, NUM_NEIGHBOURS)
    labels, queries = record.labels, np.flatnonzero(record.is_query)
    labelled = has_labels(record)
    ranks = ranks_of(record) if labelled else np.zeros(len(queries), int)
    worst = sorted(range(len(queries)), key=lambda one: (-ranks[one], cosines[one, 0], record.sample_ids[queries[one]]))
    chosen = fairly_chosen(worst, labels[queries].tolist(), MAX_QUERIES)
    cards = [
        Card(
            _clip(context, queries[one]),
            [
                _clip(context, place, f'cosine {cosine:.2f}', mark=_mark(labels[queries[one]], labels[place]))
                for place, cosine in zip(places[one], cosines[one])
            ],
            group=int(labels[queries[one]]),
            is_wrong=labelled and labels[queries[one]] != labels[places[one, 0]],
            note=_rank_note(int(ranks[one]), len(labels) - len(queries)) if labelled else '',
        )
        for one in chosen
    ]
    num_wrong = sum(labels[query] != labels[places[one, 0]] for one, query in enumerate(queries)) if labelled else 0
    shown = f'{len(chosen)} of {len(queries)} test videos, ' if len(chosen) < len(queries) else ''
    intro = f'{shown}each with its {places.shape[1]} nearest training videos by the student’s features.'
    if labelled:
        intro += f' Worst first. The nearest is of another class for {num_wrong} of {len(queries)}.'
    gallery = Gallery(
        cards,
        context.named('nearest'),
        _groups(record, cards),
        filters_wrong=labelled,
        others='nearest training videos',
    )
    return [Text(intro[0].upper() + intro[1:]), gallery]


def _disagreements(context: Context) -> list[Block]:
    if reason := why_no_scores(context, 'Disagreements are'):
        return missing(reason)
    record, student = context.run.record, usable_probabilities(context.run)
    teacher = usable_probabilities(context.run, TEACHER)
    assert record is not None and student is not None
    if teacher is None:
        return missing('Disagreements are not measured: no teacher with the classes of the data set was measured.')
    labels, queries = record.query_labels, np.flatnonzero(record.is_query)
    said, taught = student.argmax(1), teacher.argmax(1)
    apart = np.flatnonzero(said != taught)
    counts = Counter((bool(said[one] == labels[one]), bool(taught[one] == labels[one])) for one in apart)
    kinds = f'student right {counts[True, False]}, teacher right {counts[False, True]}, neither {counts[False, False]}'
    intro = f'They predict different classes for {len(apart)} of {len(labels)} test videos: {kinds}.'
    if not len(apart):
        return [Text(intro)]
    # The most decided ones first: both are sure, and one of them must be wrong.
    order = sorted(apart, key=lambda one: -min(student[one].max(), teacher[one].max()))[:MAX_DISAGREEMENTS]
    names = record.classes
    cards = [
        Card(
            _clip(
                context,
                queries[one],
                f'student: {names[said[one]]} ({100 * student[one].max():.0f} %) {_tick(said[one] == labels[one])}',
                f'teacher: {names[taught[one]]} ({100 * teacher[one].max():.0f} %) {_tick(taught[one] == labels[one])}',
            ),
            group=int(labels[one]),
            is_wrong=bool(said[one] != labels[one]),
        )
        for one in order
    ]
    if len(order) < len(apart):
        intro += f' The {len(order)} of which both are surest are shown.'
    return [Text(intro), Gallery(cards, context.named('apart'), _groups(record, cards), filters_wrong=True)]


def fairly_chosen(worst: Sequence[int], labels: Sequence[int], num: int) -> list[int]:
    """``num`` of the queries in the order they are in: as many of each class as possible.

    >>> fairly_chosen([4, 3, 2, 1, 0], labels=[0, 0, 1, 1, 1], num=3)
    [4, 3, 1]
    """
    rounds: Counter = Counter()
    ranked = []
    for place, one in enumerate(worst):
        ranked.append((rounds[labels[one]], place))
        rounds[labels[one]] += 1
    return [worst[place] for place in sorted(place for _, place in sorted(ranked)[:num])]


def _clip(context: Context, place: int, *caption: str, mark: str = '') -> Clip:
    record = context.run.record
    assert record is not None
    label = int(record.labels[place])
    name = str(record.classes[label]) if 0 <= label < len(record.classes) else 'no label'
    sprite = context.sprites.of_file(str(record.files[place]))
    return Clip(sprite, str(record.sample_ids[place]), (name, *caption), mark)


def _groups(record: VideoRecord, cards: Sequence[Card]) -> dict[int, str]:
    found = sorted({card.group for card in cards} - {UNLABELLED})
    return {label: str(record.classes[label]) if len(record.classes) else str(label) for label in found}


def _mark(label: int, other: int) -> str:
    if UNLABELLED in (label, other):
        return ''
    return 'right' if label == other else 'wrong'


def _rank_note(rank: int, num_gallery: int) -> str:
    return 'no training video of its class' if rank >= num_gallery else f'first of its class: number {rank + 1}'


def _tick(is_right: bool) -> str:
    return '✓' if is_right else '✗'
