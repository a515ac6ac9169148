"""The contest of losses on real clips: every method gets the same search for its weight, then several seeds.

    python benchmarks/students/contest.py run     # after study.py store; a run that is broken off is gone on with
    python benchmarks/students/contest.py run --regime label-free    # or all, or maps
    python benchmarks/students/contest.py run --methods kl_divergence dkd --factors 0.1 1 10 --seeds 0 1 2
    python benchmarks/students/contest.py run --regime label-free --network c3d    # or r3d, r2plus1d, from pixels
    python benchmarks/students/contest.py run --regime label-free --network r3d --epochs 48 --weights-alone
    python benchmarks/students/contest.py run --jobs 2                    # trainings in two processes at a time
    python benchmarks/students/contest.py run --device cuda --jobs 8      # views and students on a GPU
    python benchmarks/students/contest.py render  # the tables of docs/leaderboard.md

The student learns, on all videos, the terms of a file of configs/methods, and the labels that the regime has. The
weight is that of the file times each factor, with and without a warm-up in which it rises from 0. It is chosen on
held-out groups of the training list with one seed; the chosen weight is then trained with every seed and judged on the
test list. Without labels there are no logits to match, so methods on them are left out. Methods on maps of inner layers
have a contest of their own, --regime maps, with a student whose maps are larger; it needs what study.py store --more
adds, as do the students that begin with pixels.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pixel_students
import rows
from contest_search import chosen, keys_of, weight_of, with_weight
from contest_tables import ALL_LABELS, FEW_LABELS, INNER_MAPS, LABEL_FREE, contest_tables
from contest_terms import terms_here
from mmengine.config import Config
from parallel import Machine, Task, outcomes, set_up
from row import Row
from study import REPOSITORY, rounded
from tables import write_tables
from training import fits
from views_cache import PIXELS, TEACHER_LAYERS, Views, load_views

from kdtoolbox.runner.demo_comparison import versions
from kdtoolbox.safe_files import write_aside

CONFIGS, RESULTS = REPOSITORY / 'configs/methods', REPOSITORY / 'benchmarks/results'
PAGE = REPOSITORY / 'docs/leaderboard.md'
NO_TEACHER, FACTORS, SEARCH_SEED = 'no teacher', (0.03, 0.1, 0.3, 1, 3, 10), 0
# Regime -> the row that a method's terms go into, and that of no teacher.
REGIMES = {
    FEW_LABELS: (rows.FEW, rows.ALONE.but(labels_per_class=rows.FEW.labels_per_class)),
    ALL_LABELS: (rows.FEW.but(labels_per_class=None), rows.ALONE),
    LABEL_FREE: (rows.LABEL_FREE, rows.LABEL_FREE.but(terms={})),
    # A shorter stem, so that the maps of the student's 3D layers, 7², 4² and 2², have places to compare.
    INNER_MAPS: (
        rows.FEW.but(last_layer='features.6'),
        rows.ALONE.but(labels_per_class=rows.FEW.labels_per_class, last_layer='features.6'),
    ),
}
COMPARED = ('kl_divergence', 'video_mean')  # methods without maps that the contest of inner maps has too


def regime_rows(regime: str, network: str = '', epochs: int | None = None) -> tuple[Row, Row]:
    """The row that a method's terms go into, and that of no teacher; ``epochs`` None for theirs.

    Raises:
        ValueError: the network has none of the maps that the regime is about.
    """
    if network and regime == INNER_MAPS:
        raise ValueError(f'--regime {INNER_MAPS} is about the layers on an image stem, --network {network} has none')
    changes = dict(network=network, last_layer=PIXELS) if network else {}
    changes |= dict(epochs=epochs) if epochs else {}
    taught, alone = (row.but(**changes) for row in REGIMES[regime])
    return taught, alone


def row_of(
    file: Path, num_videos: int, regime: str = FEW_LABELS, network: str = '', epochs: int | None = None
) -> Row | None:
    """The row of a method config; None if stored views or the regime do not have what it taps."""
    config = Config.fromfile(file)
    model = config.model
    if (
        model.type != 'Distiller'
        or not model.get('use_labels', True)
        or (model.get('teacher') or {}).get('type', 'ImageTeacher') != 'ImageTeacher'
    ):
        return None
    row, _ = regime_rows(regime, network, epochs)
    terms = terms_here(model.terms.to_dict(), num_videos=num_videos, epochs=row.epochs)
    if terms is None:
        return None
    if regime == LABEL_FREE and any('logits' in term.get('student', 'logits') for term in terms.values()):
        return None
    if regime == INNER_MAPS:
        return row.but(terms=terms) if fits(terms, TEACHER_LAYERS) and _is_of(file.stem, terms) else None
    return row.but(terms=terms) if fits(terms) else None


def _is_of(name: str, terms: Mapping[str, Mapping]) -> bool:
    """Whether a method is of the contest of inner maps: it listens to some, or is one to compare with."""
    return name in COMPARED or not fits(terms)


def methods_of(
    names: Sequence[str] | None,
    num_videos: int,
    regime: str = FEW_LABELS,
    network: str = '',
    epochs: int | None = None,
) -> dict[str, Row]:
    """Method -> row; no teacher is always among them.

    Raises:
        ValueError: a name is not that of a file, or stored views cannot serve it.
    """
    files = {file.stem: file for file in sorted(CONFIGS.glob('*.py'))}
    taken = {
        name: row_of(file, num_videos, regime, network, epochs)
        for name, file in files.items()
        if names is None or name in names
    }
    for name in names or ():
        if taken.get(name) is None:
            raise ValueError(f'{name}: {"needs more than there is" if name in files else f"not in {CONFIGS}"}')
    alone = {NO_TEACHER: regime_rows(regime, network, epochs)[1]}
    return alone | {name: row for name, row in taken.items() if row is not None}


def left_out(num_videos: int, regime: str = FEW_LABELS) -> list[str]:
    """The methods that stored views cannot serve, neither in this regime nor, if it is of maps, without maps."""
    regimes = {regime, FEW_LABELS} if regime == INNER_MAPS else {regime}
    return [
        file.stem
        for file in sorted(CONFIGS.glob('*.py'))
        if all(row_of(file, num_videos, one) is None for one in regimes)
    ]


def contest(
    views: Views,
    methods: Mapping[str, Row],
    *,
    factors: Sequence[float],
    seeds: Sequence[int],
    machine: Machine,
    out: Path,
    regime: str = FEW_LABELS,
    network: str = '',
    epochs: int | None = None,
    warm_ups: bool = False,
) -> None:
    """Search and judge what is not in ``out`` yet; every run is stored as it ends.

    Raises:
        ValueError: the runs in ``out`` have another number of epochs.
    """
    results = json.loads(out.read_text(encoding='utf-8')) if out.is_file() else {'queries': {}, 'methods': {}}
    if results['methods'] and results.get('epochs') != epochs:
        raise ValueError(f'{out} has trainings with --epochs {results.get("epochs")}, not {epochs}: name another --out')
    results |= {'regime': regime, 'versions': versions(), 'left_out': left_out(len(views.names), regime)}
    results |= {key: value for key, value in (('network', network), ('epochs', epochs)) if value}
    for name, row in methods.items():
        terms = json.loads(json.dumps(row.plain()['terms']))
        results['methods'].setdefault(name, {'terms': terms, 'search': {}, 'runs': {}})

    def carry_out(tasks: Sequence[Task]) -> None:
        pending = [task for task in tasks if task.key not in results['methods'][task.method][task.part]]
        for task, measured, seconds in outcomes(pending, views, machine):
            if (queries := measured.pop('queries', None)) is not None:
                results['queries']['test' if task.on_test else 'search'] = queries
            results['methods'][task.method][task.part][task.key] = rounded(measured)
            write_aside(out, json.dumps(results, separators=(',', ':')))
            print(f'{told(task)}: {score(measured)}; {seconds:.0f} s', flush=True)

    def told(task: Task) -> str:
        method = results['methods'][task.method]
        if not task.on_test:
            return f'{task.method}, weight {weight_of(method["terms"], task.key)}'
        return f'{task.method}, weight {weight_of(method["terms"], method["factor"])}, test, seed {task.key}'

    carry_out(
        [
            Task(name, 'search', key, with_weight(row, key), SEARCH_SEED, on_test=False)
            for name, row in methods.items()
            for key in keys_of(row, factors, warm_ups=warm_ups)
        ]
    )
    best = {name: chosen(results['methods'][name]['search']) for name in methods}
    best = {name: key for name, key in best.items() if key is not None}
    for name, key in best.items():
        method = results['methods'][name]
        if method.get('factor', key) != key:  # a wider search has found a better one
            method['runs'] = {}
        method['factor'] = key
    carry_out(
        [  # all methods of a seed before the next: what is broken off can be read
            Task(name, 'runs', str(seed), with_weight(methods[name], key), seed, on_test=True)
            for seed in seeds
            for name, key in best.items()
        ]
    )


def score(measured: Mapping) -> str:
    """Of a run, in one word."""
    if 'error' in measured:
        return measured['error']
    values = measured.get('right') or measured['precision']
    return f'{100 * sum(values) / len(values):.1f}'


def results_of(regime: str, network: str = '', epochs: int | None = None) -> Path:
    """The file of the numbers of a regime, a network and a length of the trainings, None for the usual one."""
    words = regime.replace('-', '_'), network, f'{epochs}_epochs' if epochs else ''
    return RESULTS / f'students_contest_{"_".join(filter(None, words))}.json'


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('command', choices=('run', 'render'))
    parser.add_argument('--regime', choices=list(REGIMES), default=FEW_LABELS)
    parser.add_argument('--network', choices=list(pixel_students.NETWORKS), default='', help='instead of an image stem')
    parser.add_argument('--methods', nargs='+', help='files of configs/methods without .py; default all that fit')
    parser.add_argument('--factors', type=float, nargs='+', default=FACTORS, help='of the weight')
    parser.add_argument('--weights-alone', action='store_true', help='search no warm-up of the weight')
    parser.add_argument('--epochs', type=int, help='of a training; default 12')
    parser.add_argument('--seeds', type=int, nargs='+', default=[0, 1, 2, 3, 4])
    parser.add_argument('--work-dir', type=Path, default='work_dirs/students', help='of the stored views')
    parser.add_argument('--device', default='cpu', help='of views and students, such as cuda')
    parser.add_argument('--jobs', type=int, default=1, help='processes that train at a time, each with one thread')
    parser.add_argument('--out', type=Path, help='JSON of all numbers; default: a file for each regime')
    parser.add_argument('--page', type=Path, default=PAGE)
    args = parser.parse_args(arguments)
    if args.command == 'render':
        for file in sorted(RESULTS.glob('students_contest_*.json')):
            write_tables(args.page, contest_tables(json.loads(file.read_text(encoding='utf-8'))))
        return
    set_up()
    views = load_views(args.work_dir)
    contest(
        views,
        methods_of(args.methods, len(views.names), args.regime, args.network, args.epochs),
        factors=args.factors,
        seeds=args.seeds,
        machine=Machine(args.work_dir, args.device, args.jobs),
        out=args.out or results_of(args.regime, args.network, args.epochs),
        regime=args.regime,
        network=args.network,
        epochs=args.epochs,
        warm_ups=not args.weights_alone,
    )


if __name__ == '__main__':
    main()
