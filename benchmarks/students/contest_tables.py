"""The table of contest.py, from its results."""

import statistics
from collections.abc import Mapping

from intervals import Interval, interval_of, mean_of
from tables import verdict

NO_TEACHER, KD = 'no teacher', 'kl_divergence'


def contest_tables(results: Mapping) -> dict[str, str]:
    """Mark -> table: methods, best first, with paired differences to no teacher and to KD."""
    scored = {name: _finished(row['runs']) for name, row in results['methods'].items()}
    order = sorted((name for name in scored if scored[name]), key=lambda name: -_top1(scored[name]))
    lines = [
        '| method | weight | top-1 | retrieval top-1 | Δ top-1 to no teacher | | Δ top-1 to KD | | seconds of CPU |',
        '|---|---|---|---|---|---|---|---|---|',
    ]
    for name in order:
        runs, queries = scored[name], results['queries']['test']
        cells = [
            f'× {results["methods"][name]["factor"]}' if name != NO_TEACHER else '–',
            mean_and_error(runs, 'right'),
        ]
        cells += [mean_and_error(runs, 'hit')]
        for other in (NO_TEACHER, KD):
            gain = _difference(runs, scored.get(other, {}), queries) if other != name else None
            cells += ['–', ''] if gain is None else [str(gain), verdict(gain)]
        cells.append(f'{statistics.median(run["seconds"] for run in runs.values()):.0f}')
        lines.append(f'| {name} | {" | ".join(cells)} |')
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
    lines += ['', f'Not taken, since stored views lack what they listen to: {", ".join(results["left_out"])}.']
    return {'contest': '\n'.join(lines)}


def mean_and_error(runs: Mapping[str, Mapping], score: str) -> str:
    """Mean over the seeds and its standard error, in percent."""
    means = [statistics.mean(run[score]) for run in runs.values()]
    error = f' ± {100 * statistics.stdev(means) / len(means) ** 0.5:.1f}' if len(means) > 1 else ''
    return f'{100 * statistics.mean(means):.1f}{error}'


def _difference(one: Mapping, two: Mapping, queries: list[str]) -> Interval | None:
    common = [seed for seed in one if seed in two]
    if not common:
        return None
    values = {seed: [a - b for a, b in zip(one[seed]['right'], two[seed]['right'], strict=True)] for seed in common}
    return interval_of(values, dict.fromkeys(common, queries))


def _finished(runs: Mapping[str, Mapping]) -> dict[str, Mapping]:
    return {seed: run for seed, run in runs.items() if 'right' in run}


def _top1(runs: Mapping[str, Mapping]) -> float:
    return mean_of([run['right'] for run in runs.values()])
