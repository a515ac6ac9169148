"""Student against teacher, baseline and chance, with intervals."""

import re
from collections.abc import Mapping

from kdtoolbox.reporting.figures.accuracy import shares_with_intervals
from kdtoolbox.reporting.intervals import Difference, Share, difference, share_of
from kdtoolbox.reporting.pages.blocks import Block, Picture, Section, Table, Text, missing
from kdtoolbox.reporting.runs import Run
from kdtoolbox.reporting.runs.outcomes import STUDENT, TEACHER, Outcomes, outcomes_of
from kdtoolbox.reporting.sections.context import Context


def accuracies(context: Context) -> Section:
    """A figure and a table of all networks, and whether the differences are beyond noise."""
    return Section(context.named('accuracy'), 'How good it is', _blocks(context))


def accuracy_rows(run: Run, baseline: Run | None = None) -> tuple[list[str], list[list[str]]]:
    """The header and the rows of the table, as texts, for the console; no rows where nothing was measured."""
    student = outcomes_of(run)
    if student is None:
        return [], []
    measures = _measures(student, _networks(run, student, baseline))
    return ['', *measures], _rows(measures, student)


def _blocks(context: Context) -> list[Block]:
    student = outcomes_of(context.run)
    if student is None:
        labelled = context.run.record is None
        reason = (
            f'not measured: {context.how_to_measure}.' if labelled else 'not measured: the test videos have no labels.'
        )
        return missing(f'Accuracy and retrieval are {reason}')
    networks = _networks(context.run, student, context.baseline)
    known = {name: outcomes for name, outcomes in networks.items() if outcomes is not None}
    measures = _measures(student, networks)
    figure = shares_with_intervals(measures, student.chances, names=list(known))
    blocks: list[Block] = [
        *(_verdict(STUDENT, student, name, other) for name, other in known.items() if name != 'student'),
        Picture(figure, context.named('accuracies'), f'{len(student.query_ids)} test videos. ' + _how(context)),
        _table(measures, student),
    ]
    blocks += [
        Text(f'The {name} is not measured: run `kdtoolbox report … --compute` for it.', 'missing')
        for name, outcomes in networks.items()
        if outcomes is None and (name != 'teacher' or (context.run.config.get('model') or {}).get('teacher'))
    ]
    return blocks


def _networks(run: Run, student: Outcomes, baseline: Run | None) -> dict[str, Outcomes | None]:
    networks = {'student': student, 'teacher': outcomes_of(run, TEACHER)}
    if baseline is not None:
        name = 'baseline' if baseline.name == 'baseline' else f'baseline {baseline.name}'
        networks[name] = outcomes_of(baseline)
    return networks


def _measures(student: Outcomes, networks: Mapping[str, Outcomes | None]) -> dict[str, dict[str, Share]]:
    return {
        measure: {name: share_of(one.right[measure]) for name, one in networks.items() if one and measure in one.right}
        for measure in student.right
    }


def _how(context: Context) -> str:
    record = context.run.record
    notes = record.provenance if record is not None else {}
    texts = [f'Student: {notes["weights"]}.'] if notes.get('weights') else []
    texts += [f'Teacher: {notes["teacher"]}.'] if notes.get('teacher') else []
    return re.sub(r'(sha256:\w{12})\w+', r'\1…', ' '.join(texts))


def _table(measures: dict[str, dict[str, Share]], student: Outcomes) -> Table:
    rows = _rows(measures, student)
    return Table(['', *measures], rows, 'Share of the test videos with its 95 % interval (Wilson).')


def _rows(measures: dict[str, dict[str, Share]], student: Outcomes) -> list[list[str]]:
    names = list(dict.fromkeys(name for shares in measures.values() for name in shares))
    rows = [[name, *(str(shares.get(name, '–')) for shares in measures.values())] for name in names]
    rows.append(['chance', *(f'{100 * student.chances[measure]:.1f} %' for measure in measures)])
    return rows


def _verdict(name: str, first: Outcomes, other_name: str, second: Outcomes) -> Text:
    """Whether the first differs from the second beyond noise, by the measure that leads."""
    measure = next((one for one in first.right if one in second.right), None)
    if measure is None:
        return Text(f'{name} and {other_name} have no measure in common.', 'missing')
    found = paired(first, second, measure)
    if found is None:
        return Text(f'{name} and {other_name} were tested on other videos, so they are not compared.', 'missing')
    return Text(verdict(found, f'The {name}', f'the {other_name}', measure), 'verdict')


def verdict(found: Difference, first: str, second: str, measure: str) -> str:
    """A difference as a sentence.

    >>> print(verdict(Difference(0.1, -0.05, 0.2, 0.3, 8, 4, 40), 'KD', 'the baseline', 'top-1 accuracy'))
    KD and the baseline are not distinguishable by top-1 accuracy on 40 videos: +10.0 points (-5.0 to +20.0), p = 0.3.
    """
    numbers = f'{found}, p = {found.p:.2g}'
    if not found.is_beyond_noise:
        return f'{first} and {second} are not distinguishable by {measure} on {found.num} videos: {numbers}.'
    word = 'better' if found.value > 0 else 'worse'
    return f'{first} is {word} than {second} by {measure} on {found.num} videos, beyond noise: {numbers}.'


def paired(first: Outcomes, second: Outcomes, measure: str) -> Difference | None:
    """The difference on the same test videos; None for others, two of one name, or a missing measure."""
    places = {name: place for place, name in enumerate(second.query_ids)}
    is_same = set(first.query_ids) == places.keys() and len(places) == len(first.query_ids) == len(second.query_ids)
    if not is_same or measure not in first.right or measure not in second.right:
        return None
    order = [places[name] for name in first.query_ids]
    return difference(first.right[measure], second.right[measure][order])
