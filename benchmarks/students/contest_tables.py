"""The table of contest.py, from its results."""

import statistics
from collections.abc import Mapping

from contest_search import weight_of
from intervals import Interval, interval_of, mean_of
from tables import SCORES, verdict

NO_TEACHER = 'no teacher'
FEW_LABELS, ALL_LABELS, LABEL_FREE, INNER_MAPS = 'few', 'all', 'label-free', 'maps'
# Regime -> what methods are ranked by, and the plain method that all are compared with.
SCORE = {FEW_LABELS: 'right', ALL_LABELS: 'right', LABEL_FREE: 'precision', INNER_MAPS: 'right'}
PLAIN = {
    FEW_LABELS: 'kl_divergence',
    ALL_LABELS: 'kl_divergence',
    LABEL_FREE: 'cosine',
    INNER_MAPS: 'kl_divergence',
}


def contest_tables(results: Mapping) -> dict[str, str]:
    """Mark -> table: methods, best first, with paired differences to no teacher and to plain distillation."""
    regime = results.get('regime', FEW_LABELS)
    score, plain = SCORE[regime], PLAIN[regime]
    scored = {name: _finished(row['runs']) for name, row in results['methods'].items()}
    order = sorted((name for name in scored if scored[name]), key=lambda name: -_mean(scored[name], score))
    shown = [one for one in SCORES if all(one in run for name in order for run in scored[name].values())]
    head = ['method', 'weight', 'trainings', *(SCORES[one] for one in shown)]
    head += [f'Δ {SCORES[score]} to no teacher', '', f'Δ to {plain}', '', 'seconds of CPU']
    lines = [f'| {" | ".join(head)} |', '|---' * len(head) + '|']
    for name in order:
        runs, queries = scored[name], results['queries']['test']
        method = results['methods'][name]
        cells = [weight_of(method['terms'], method['factor']) if name != NO_TEACHER else '–', f'{len(runs)}']
        cells += [mean_and_error(runs, one) for one in shown]
        for other in (NO_TEACHER, plain):
            gain = _difference(runs, scored.get(other, {}), queries, score) if other != name else None
            cells += ['–', ''] if gain is None else [str(gain), verdict(gain)]
        cells.append(f'{statistics.median(run["seconds"] for run in runs.values()):.0f}')
        lines.append(f'| {name} | {" | ".join(cells)} |')
    trainings = [
        run for row in results['methods'].values() for kind in ('search', 'runs') for run in row[kind].values()
    ]
    length = f' of {results["epochs"]} epochs' if 'epochs' in results else ''
    lines += [
        '',
        f'{len(results["queries"]["test"])} test videos; {len(trainings)} trainings{length}, '
        f'{sum(run.get("seconds", 0) for run in trainings) / 60:.0f} minutes of CPU.',
    ]
    errors = {
        name: next(run['error'] for run in [*row['search'].values(), *row['runs'].values()] if 'error' in run)
        for name, row in results['methods'].items()
        if any('error' in run for run in [*row['search'].values(), *row['runs'].values()])
    }
    if errors:
        lines += ['', 'Failed with some weight:', '']
        lines += [f'- {name}: {" ".join(error.split())[:200]}' for name, error in errors.items()]
    waiting = [name for name in scored if not scored[name]]
    if waiting:
        lines += ['', f'Searched, but not judged on the test list yet: {", ".join(waiting)}.']
    network = results.get('network')
    if not network:  # else some methods were chosen
        left_out = ', '.join(results['left_out'])
        lines += ['', f'Not taken, since stored views or the regime lack the outputs that they tap: {left_out}.']
    epochs = f'{results["epochs"]} epochs' if 'epochs' in results else ''
    return {' '.join(filter(None, ('contest', regime, network, epochs))): '\n'.join(lines)}


def mean_and_error(runs: Mapping[str, Mapping], score: str) -> str:
    """Mean over the seeds and its standard error, in percent."""
    means = [statistics.mean(run[score]) for run in runs.values()]
    error = f' ± {100 * statistics.stdev(means) / len(means) ** 0.5:.1f}' if len(means) > 1 else ''
    return f'{100 * statistics.mean(means):.1f}{error}'


def _difference(one: Mapping, two: Mapping, queries: list[str], score: str) -> Interval | None:
    common = [seed for seed in one if seed in two]
    if not common:
        return None
    values = {seed: [a - b for a, b in zip(one[seed][score], two[seed][score], strict=True)] for seed in common}
    return interval_of(values, dict.fromkeys(common, queries))


def _finished(runs: Mapping[str, Mapping]) -> dict[str, Mapping]:
    return {seed: run for seed, run in runs.items() if 'precision' in run}


def _mean(runs: Mapping[str, Mapping], score: str) -> float:
    return mean_of([run[score] for run in runs.values()])
