"""The tables of docs/students.md, from the results of study.py."""

import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

from intervals import Interval, interval_of
from row import Row
from rows import SAME_LABELS, WITH_COSTS, Experiment, experiments
from splits import VALIDATION_GROUPS

from kdtoolbox.safe_files import write_aside

# Seed 0 of all rows, and further seeds of the row whose few labels make it noisy.
THROUGH_RUNNER = [
    Path(__file__).parents[1] / f'results/real_video_{name}.json' for name in ('image_stem', 'image_stem_few_labels')
]
MARKS = '<!-- {}: written by render of benchmarks/students -->', '<!-- end of {} -->'
SCORES = {
    'right': 'top-1',
    'hit': 'retrieval top-1',
    'hit_centred': 'the same, centred',
    'precision': 'mean average precision',
}


def part_of(experiment: Experiment, seed: str) -> str:
    """The key of a run's queries."""
    return 'test' if experiment.on_test else str(int(seed) % len(VALIDATION_GROUPS))


def tables_of(results: Mapping) -> dict[str, str]:
    """Mark -> table, of the experiments that were run."""
    tables = {name: table_of(name, results) for name in experiments() if name in results['experiments']}
    if 'runner' in tables:
        others = [json.loads(file.read_text(encoding='utf-8')) for file in THROUGH_RUNNER]
        tables['runner'] = beside_the_runner(results, others)
    return tables


def beside_the_runner(results: Mapping, others: Sequence[Mapping]) -> str:
    """The rows that were trained through the Runner too, over the seeds that both have."""
    stored = results['experiments']['runner']
    lines = [
        '| test list, stem up to features.6 | trainings | retrieval top-1 | by the Runner | top-1 | by the Runner |',
        '|---|---|---|---|---|---|',
    ]
    for title in experiments()['runner'].rows:
        through = {
            seed: one['rows'][title] for other in others for seed, one in other['seeds'].items() if title in one['rows']
        }
        seeds = sorted(seed for seed in through if seed in stored.get(title, {}).get('runs', {}))
        cells = [str(len(seeds))]
        for score, key in (('hit', 'retrieval/top1'), ('right', 'acc/top1')):
            runs = [stored[title]['runs'][seed] for seed in seeds]
            cells += [_mean([run[score] for run in runs if score in run])]
            cells += [_mean([[through[seed][key]] for seed in seeds if key in through[seed]])]
        if seeds:
            lines.append(f'| {title} | {" | ".join(cells)} |')
    repeated = [100 * statistics.mean(run['right']) for run in stored.get(SAME_LABELS, {}).get('runs', {}).values()]
    if repeated:
        lines += [
            '',
            f'The chance of a training: {len(repeated)} trainings of the stored loop with 3 labels a class, which '
            f'differ in their random numbers alone, have {min(repeated):.1f} to {max(repeated):.1f} of top-1.',
        ]
    return '\n'.join(lines)


def table_of(name: str, results: Mapping) -> str:
    """Rows by mean and the paired difference to the first; the words "tie", "better", "worse" by the interval."""
    experiment, stored = experiments()[name], results['experiments'][name]
    rows = [title for title, row in experiment.rows.items() if is_current(stored.get(title), row)]
    columns = [
        score for score in SCORES if any(score in run for title in rows for run in stored[title]['runs'].values())
    ]
    head = [experiment.title, 'trainings', *(SCORES[score] for score in columns)]
    costs = results.get('costs', {}) if name in WITH_COSTS else {}
    head += ['GMAC a clip', 'CPU ms a clip'] if costs else []
    head += [f'Δ {SCORES[experiment.score]} to "{experiment.against.format(experiment.alike)}"', '']
    lines = [f'| {" | ".join(head)} |', '|---' * len(head) + '|']
    for title in rows:
        runs = stored[title]['runs']
        cells = [f'{len(runs)}'] + [_mean([run[score] for run in runs.values() if score in run]) for score in columns]
        if costs:
            cells += [f'{costs[title]["operations"] / 1e9:.2f}', f'{costs[title]["milliseconds"]:.0f}']
        against = experiment.against.format(title.rpartition(', ')[0])
        gain = difference(experiment, results, title, against, name=name)
        cells += ['–', ''] if gain is None or title == against else [str(gain), verdict(gain)]
        lines.append(f'| {title} | {" | ".join(cells)} |')
    return '\n'.join([*lines, '', facts(name, results, rows)])


def is_current(stored: Mapping | None, row: Row) -> bool:
    """Whether there are runs of a row with the settings that it has now."""
    return bool(stored and stored['runs']) and stored['settings'] == json.loads(json.dumps(row.plain()))


def difference(
    experiment: Experiment, results: Mapping, title: str, other: str, *, name: str, score: str | None = None
) -> Interval | None:
    """The first row less the second, over the runs that both have; None if there are none."""
    stored, score = results['experiments'][name], score or experiment.score
    one, two = (stored.get(row, {}).get('runs', {}) for row in (title, other))
    common = [seed for seed in one if score in one[seed] and score in two.get(seed, {})]
    if not common:
        return None
    values = {seed: [a - b for a, b in zip(one[seed][score], two[seed][score], strict=True)] for seed in common}
    return interval_of(values, {seed: results['queries'][part_of(experiment, seed)] for seed in common})


def verdict(gain: Interval) -> str:
    """In a word."""
    return 'tie' if gain.is_tie else 'better' if gain.value > 0 else 'worse'


def facts(name: str, results: Mapping, rows: Sequence[str]) -> str:
    """How many runs and queries the table stands on."""
    stored = results['experiments'][name]
    runs = [run for title in rows for run in stored[title]['runs'].values()]
    queries = {
        video for seed in stored[rows[0]]['runs'] for video in results['queries'][part_of(experiments()[name], seed)]
    }
    return (
        f'{len(queries)} different query videos; a training takes '
        f'{statistics.median(run["seconds"] for run in runs):.0f} s of CPU (median), all of the table '
        f'{sum(run["seconds"] for run in runs) / 60:.0f} minutes.'
    )


def _mean(values: Sequence[Sequence[float]]) -> str:
    """In percent, over all queries of all runs."""
    numbers = [number for run in values for number in run]
    return f'{100 * statistics.mean(numbers):.1f}' if numbers else '–'


def write_tables(page: Path, tables: Mapping[str, str]) -> None:
    """Put each table between its marks on the page.

    Raises:
        ValueError: the page lacks marks.
    """
    text = page.read_text(encoding='utf-8')
    for name, table in tables.items():
        start, end = (mark.format(name) for mark in MARKS)
        before, found, rest = text.partition(start)
        _, ended, after = rest.partition(end)
        if not found or not ended:
            raise ValueError(f'{page}: expected the lines {start} and {end}, between which the table goes')
        text = f'{before}{start}\n\n{table}\n\n{end}{after}'
    write_aside(page, text)
