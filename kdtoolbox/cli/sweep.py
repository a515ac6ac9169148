"""Train a config with several values of its settings, and compare what came out.

Each run has its own folder; runs follow one another. The same command again leaves out finished runs and goes on with
the one that was interrupted. At the end: a table, the best run first, and the report that compares all runs.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

from mmengine.config import Config

from kdtoolbox import terminal
from kdtoolbox.config_files.finding import find_config
from kdtoolbox.config_files.overriding import merge_options
from kdtoolbox.config_files.reading import read_config
from kdtoolbox.reporting.html_report import write_report
from kdtoolbox.runner.measure_run import measure_run
from kdtoolbox.runner.optuna_search import search
from kdtoolbox.runner.sweep_runs import SweepRun, combinations, folder_name, read_choices, run_of, short_names

REPORT = 'report.html'


def run(args: argparse.Namespace) -> int:
    config = read_config(find_config(args.config), safe=args.safe_config)
    merge_options(config, args.cfg_options or {})
    folder = Path(args.work_dir or Path('work_dirs') / f'{Path(args.config).stem}_sweep')
    metric, largest = goal_of(config, metric=args.metric, goal=args.goal)
    total = [0]

    def train(options: Mapping) -> SweepRun:
        total[0] += 1
        name = folder_name(options)
        terminal.say(f'run {total[0]} of {num_runs}: {name}')
        done = run_of(folder / name, config, options)
        if done.error:
            terminal.say(f'{name} failed: {done.error}')
        elif args.metric is not None and args.metric not in done.metrics:
            raise ValueError(
                f'no run can be compared by {args.metric}: {folder / name} has '
                f'{", ".join(done.metrics) or "no metrics"}. Name another with --metric, or have the config validate'
            )
        elif not done.metrics:
            terminal.say(f'{name} was never validated: its config has no validation, and runs cannot be ranked')
        return done

    if args.optuna:
        num_runs = args.optuna
        runs = search(
            args.choices,
            train,
            num_runs=num_runs,
            value_of=lambda done: done.best(metric or next(iter(done.metrics), ''), largest=largest),
            largest=largest,
            folder=folder,
        )
    else:
        wanted = list(combinations(read_choices(args.choices)))
        num_runs = len(wanted)
        runs = [train(options) for options in wanted]
    terminal.say(table_of(runs, metric, largest=largest))
    finished = [str(one.folder) for one in runs if not one.error]
    if finished and not args.no_report:
        _report(finished, folder / REPORT)
    return 1 if len(finished) < len(runs) else 0


def goal_of(config: Config, *, metric: str | None, goal: str | None) -> tuple[str | None, bool]:
    """The metric that runs are compared by, None for the first that they have, and whether the largest is the best."""
    saving = (config.get('default_hooks') or {}).get('checkpoint') or {}
    best = saving.get('save_best')
    metric = metric or (best if isinstance(best, str) and best != 'auto' else None)
    if goal is None:
        goal = 'min' if saving.get('rule') == 'less' and metric == best else 'max'
    return metric, goal == 'max'


def table_of(runs: Sequence[SweepRun], metric: str | None, *, largest: bool = True) -> str:
    """The settings of each run with its best value of the metric and its last of the others, the best run first."""
    names = list(dict.fromkeys(name for one in runs for name in one.metrics))
    metric = metric or (names[0] if names else None)
    if metric is not None and names and metric not in names:
        raise ValueError(f'no run has the metric {metric}: they have {", ".join(names)}')
    others = [name for name in names if name != metric]
    keys = short_names(list(runs[0].options))

    def rank(one: SweepRun) -> tuple:
        value = one.best(metric, largest=largest) if metric else None
        return (bool(one.error), value is None, 0 if value is None else -value if largest else value)

    rows = []
    for one in sorted(runs, key=rank):
        value = one.best(metric, largest=largest) if metric else None
        last = [f'{one.metrics[name][-1]:.4g}' if name in one.metrics else '–' for name in others]
        state = 'failed' if one.error else f'{one.seconds:.0f} s'
        rows.append([*(str(one.options[key]) for key in keys), '–' if value is None else f'{value:.4g}', *last, state])
    header = (*keys.values(), f'best {metric}' if metric else 'metric', *(f'last {name}' for name in others), 'trained')
    return terminal.table_text(rows, header=header, num_left=len(keys))


def _report(folders: Sequence[str], out: Path) -> None:
    for one in folders:
        try:
            for problem in measure_run(one):
                terminal.say(f'{one}: not measured: {problem}')
        except (ValueError, OSError) as error:
            terminal.say(f'{one}: not measured: {error}')
    write_report(list(folders), out)
    print(f'wrote {out}: open it in a browser')
