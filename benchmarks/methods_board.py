"""The leaderboard of benchmarks/methods.py, from its results to docs/leaderboard.md."""

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

from kdtoolbox.safe_files import write_aside

NO_TEACHER, KD = 'no teacher', 'kl_divergence'
MARKS = '<!-- written by benchmarks/methods.py --render -->', '<!-- end -->'
COLUMNS = (
    'method',
    'loss',
    'top-1',
    'retrieval@1',
    'Δ no teacher',
    'Δ KD',
    'time of a step',
    'memory, MiB',
    'share of gradient',
)


def leaderboard(results: Mapping) -> str:
    """The facts of the run, the table, best first, and the methods that could not be run with their errors."""
    scored = {name: _finished(row) for name, row in results['methods'].items()}
    order = sorted(
        (name for name in scored if scored[name]),
        key=lambda name: -statistics.mean(run['top1'] for run in scored[name].values()),
    )
    lines = [
        _facts(results),
        '',
        f'| {" | ".join(COLUMNS)} |',
        '|---' * len(COLUMNS) + '|',
        f'| *the teacher itself, on frames* | – | {_percent([results["teacher"]["top1"]])} | '
        f'{_percent([results["teacher"]["retrieval1"]])} |' + ' – |' * (len(COLUMNS) - 4),
    ]
    lines += [_line(name, results['methods'][name], scored) for name in order]
    errors = [(name, seed, error) for name, row in results['methods'].items() for seed, error in _errors(row)]
    if errors:
        lines += ['', 'Not run to the end:', '', '| method | seed | error |', '|---|---|---|']
        lines += [
            f'| {name} | {seed} | {" ".join(error.replace("|", chr(92) + "|").split())} |'
            for name, seed, error in errors
        ]
    return '\n'.join(lines)


def _facts(results: Mapping) -> str:
    config = results['settings']['config']
    seconds = sum(run.get('seconds', 0) for row in results['methods'].values() for run in row['runs'].values())
    versions_of = ', '.join(f'{name} {version}' for name, version in results['versions'].items())
    return (
        f'{config["steps"]} steps of {config["batch_size"]} clips, {config["labelled_clips"]} of them labelled; '
        f'{config["labels_per_class"]} labels a class; {config["training_videos_per_class"]} training and '
        f'{config["test_videos_per_class"]} test videos a class. {results["device"]}, {results["threads"]} thread '
        f'a run, {results["jobs"]} runs at a time, {seconds / 60:.0f} minutes of runs in all; {versions_of}.'
    )


def _line(name: str, row: Mapping, scored: Mapping[str, Mapping[str, Mapping]]) -> str:
    runs = scored[name]

    def of(key: str) -> list[float]:
        return [run[key] for run in runs.values()]

    def gain(other: str) -> str:
        common = [seed for seed in runs if seed in scored.get(other, {})]
        if other == name or not common:
            return '–'
        return _percent([runs[seed]['top1'] - scored[other][seed]['top1'] for seed in common], sign='+')

    losses = ' + '.join(_loss_name(term['loss']) for term in row['terms'].values()) or '–'
    share = f'{100 * statistics.mean(of("gradient_share")):.0f} %' if row['terms'] else '–'
    cells = (
        name,
        losses,
        _percent(of('top1')),
        _percent(of('retrieval1')),
        gain(NO_TEACHER),
        gain(KD),
        f'× {statistics.median(of("step_ratio")):.2f}',
        f'{statistics.median(of("memory_mib")):.0f}',
        share,
    )
    return f'| {" | ".join(cells)} |'


def _loss_name(loss: Mapping) -> str:
    """The type of a loss, and in brackets that of one that it wraps."""
    return f'{loss["type"]}({_loss_name(loss["loss"])})' if isinstance(loss.get('loss'), Mapping) else loss['type']


def _percent(shares: Sequence[float], sign: str = '') -> str:
    """Mean ± standard deviation of shares."""
    spread = f' ± {100 * statistics.stdev(shares):.1f}' if len(shares) > 1 else ''
    return f'{100 * statistics.mean(shares):{sign}.1f}{spread}'


def _finished(row: Mapping) -> dict[str, Mapping]:
    return {seed: run for seed, run in row['runs'].items() if 'top1' in run}


def _errors(row: Mapping) -> list[tuple[str, str]]:
    if 'error' in row:
        return [('all', row['error'])]
    return [(seed, run['error']) for seed, run in row['runs'].items() if 'error' in run]


def write_page(page: Path, board: str) -> None:
    """Put the leaderboard between the marks of the page.

    Raises:
        ValueError: it has no marks.
    """
    before, start, rest = page.read_text(encoding='utf-8').partition(MARKS[0])
    _, end, after = rest.partition(MARKS[1])
    if not start or not end:
        raise ValueError(f'{page}: expected the lines {MARKS[0]} and {MARKS[1]}, between which the tables go')
    write_aside(page, f'{before}{start}\n\n{board}\n\n{end}{after}')
