"""Which student and which target? Many short trainings on stored views of real videos.

    python benchmarks/students/study.py store --root DIR --train-list train.txt --test-list test.txt --weights FILE
    python benchmarks/students/study.py run targets student few --seeds 0 1 2   # goes on where it was broken off
    python benchmarks/students/study.py run curve --seeds 0 1 2 3 4             # on the test list
    python benchmarks/students/study.py costs                                   # operations and time of a clip
    python benchmarks/students/study.py render                                  # the tables of docs/students.md

``store`` decodes the videos once (views_cache.py), so that a training costs the student's small 3D layers alone, some
seconds. Rows: rows.py. Choices are made on held-out groups of the training list, the test list is for the chosen ones.
"""

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from costs import costs_of_students
from decoding import Source
from figure import draw_curve
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope
from rows import Experiment, experiments
from tables import part_of, tables_of, write_tables
from training import run
from views_cache import load_views, store_more, store_views

from kdtoolbox.runner.demo_comparison import versions
from kdtoolbox.safe_files import write_aside

REPOSITORY = Path(__file__).parents[2]
OUT = REPOSITORY / 'benchmarks/results/students.json'
PAGE, CURVE = REPOSITORY / 'docs/students.md', REPOSITORY / 'docs/images/learning_curve.svg'


def run_experiment(name: str, *, seeds: Sequence[int], words: Sequence[str] | None, work_dir: Path, out: Path) -> None:
    """Run what is not in ``out`` yet, or had other settings there; every run is stored as it ends."""
    views, experiment = load_views(work_dir), experiments()[name]
    results = read_results(out)
    stored = results['experiments'].setdefault(name, {})
    for seed in seeds:  # all rows of a seed before the next: what is broken off can be read
        for title, row in experiment.rows.items():
            if words and not any(word in title for word in words):
                continue
            settings = json.loads(json.dumps(row.plain()))
            if title not in stored or stored[title]['settings'] != settings:
                stored[title] = {'settings': settings, 'runs': {}}
            if str(seed) in stored[title]['runs'] or _same_run(results, name, experiment, title, seed):
                continue
            start = time.monotonic()
            measured = run(views, row, seed=seed, on_test=experiment.on_test, folder=work_dir)
            results['queries'][part_of(experiment, str(seed))] = measured.pop('queries')
            stored[title]['runs'][str(seed)] = rounded(measured)
            results['versions'] = versions()
            write_aside(out, json.dumps(results, separators=(',', ':')))
            means = {key: sum(value) / len(value) for key, value in measured.items() if isinstance(value, list)}
            told = ', '.join(f'{key} {100 * value:.1f}' for key, value in means.items())
            print(
                f'{name}, seed {seed}, {title}: {told}; {measured["seconds"]:.0f} s of CPU, '
                f'{time.monotonic() - start:.0f} s',
                flush=True,
            )
    write_aside(out, json.dumps(results, separators=(',', ':')))  # with those that were taken over


def _same_run(results: dict, name: str, experiment: Experiment, title: str, seed: int) -> bool:
    """Take the run of another experiment that has the same settings; whether there is one."""
    mine = results['experiments'][name][title]
    for other, rows in results['experiments'].items():
        for row in rows.values():
            same = row['settings'] == mine['settings'] and experiments()[other].on_test == experiment.on_test
            if other != name and same and str(seed) in row['runs']:
                mine['runs'][str(seed)] = row['runs'][str(seed)]
                return True
    return False


def rounded(measured: dict) -> dict:
    """Average precisions with four digits."""
    return {
        key: [round(one, 4) for one in value] if key.startswith('precision') else value
        for key, value in measured.items()
    }


def read_results(out: Path) -> dict:
    """What earlier runs left."""
    if out.is_file():
        return json.loads(out.read_text(encoding='utf-8'))
    return {'versions': {}, 'queries': {}, 'experiments': {}}


def render_page(results: dict, page: Path, figure: Path) -> None:
    """Write the tables of all experiments that were run, and the learning curve."""
    write_tables(page, tables_of(results))
    if 'curve' in results['experiments']:
        draw_curve(results, figure)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest='command', required=True)
    store = commands.add_parser('store', help='decode once')
    store.add_argument('--root', nargs='+', required=True, help='folder of the videos, or several')
    store.add_argument('--train-list', required=True)
    store.add_argument('--test-list', required=True)
    store.add_argument('--weights', required=True, help='of MobileNetV2: file, URL or torchvision name')
    store.add_argument('--views', type=int, default=12, help='random training views of each video')
    store.add_argument(
        '--more', action='store_true', help="also the teacher's inner maps and the pixels, 1.7 GB, by another pass"
    )
    runner = commands.add_parser('run', help='train and judge')
    runner.add_argument('experiments', nargs='+', choices=list(experiments()))
    runner.add_argument('--rows', nargs='+', help='only rows whose name holds one of these words')
    runner.add_argument('--seeds', type=int, nargs='+', default=[0, 1, 2])
    costs = commands.add_parser('costs', help='count operations and time a clip, of rows without them')
    render = commands.add_parser('render', help='write the tables and the figure')
    render.add_argument('--page', type=Path, default=PAGE)
    render.add_argument('--figure', type=Path, default=CURVE)
    for command in (runner, costs, render):
        command.add_argument('--out', type=Path, default=OUT, help='JSON of all numbers')
    for command in (store, runner):
        command.add_argument('--work-dir', type=Path, default='work_dirs/students', help='of the stored views')
    args = parser.parse_args(arguments)
    if args.command == 'render':
        render_page(read_results(args.out), args.page, args.figure)
        return
    init_default_scope('kdtoolbox')
    MMLogger.get_instance('students', log_level='ERROR')
    torch.set_num_threads(1)
    if args.command == 'costs':
        results = read_results(args.out)
        known = results.setdefault('costs', {})
        known |= costs_of_students(known)
        write_aside(args.out, json.dumps(results, separators=(',', ':')))
    elif args.command == 'store':
        source = Source(args.root, args.train_list, args.test_list, args.views)
        store_views(args.work_dir, source, weights=args.weights)
        if args.more:
            store_more(args.work_dir, source, weights=args.weights)
    else:
        for name in args.experiments:
            run_experiment(name, seeds=args.seeds, words=args.rows, work_dir=args.work_dir, out=args.out)


if __name__ == '__main__':
    main()
