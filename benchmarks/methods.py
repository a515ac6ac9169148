"""Which loss should I use? Every method of configs/methods trains the same student on the same clips: a leaderboard.

    python benchmarks/methods.py --jobs 2       # all methods, seeds 0 1 2; a run that is broken off is gone on with
    python benchmarks/methods.py --methods dkd rkd_distance --seeds 0 --steps 50 --out work_dirs/try.json
    python benchmarks/methods.py --render       # writes the tables of docs/leaderboard.md from the results

A file of configs/methods gives the terms, so the weights are those of the papers: nothing is tuned for a method.
Networks, data and steps: benchmarks/methods_config.py.
"""

import argparse
import json
import multiprocessing
from collections.abc import Iterator, Mapping, Sequence
from multiprocessing.connection import Connection, wait
from pathlib import Path

import cv2
import torch
from methods_board import KD, NO_TEACHER, leaderboard, write_page
from methods_data import EvaluationClips, prepared_videos, teacher_scores, train_teacher
from methods_run import Clips, run
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope

from kdtoolbox.demo.digit_videos import DigitVideos
from kdtoolbox.runner.demo_comparison import versions
from kdtoolbox.safe_files import write_aside

REPOSITORY = Path(__file__).resolve().parents[1]
CONFIGS, OUT = REPOSITORY / 'configs/methods', REPOSITORY / 'benchmarks/results/methods.json'
PAGE = REPOSITORY / 'docs/leaderboard.md'
VIDEO_SEED = 0  # the videos and the teacher are the same for all seeds of the students
# Of configs/_base_/default_runtime.py, which mind seeds, data sets and checkpoints of long trainings.
SHARED_HOOKS = {hook.type for hook in Config.fromfile(REPOSITORY / 'configs/_base_/default_runtime.py').custom_hooks}


def methods_of(folder: Path, names: Sequence[str] | None, sizes: Mapping[str, int]) -> dict[str, dict]:
    """What to train: name -> ``terms`` and ``use_labels``, or ``error``; no teacher and KD are always among them.

    Args:
        folder: of method configs.
        names: of files there without ``.py``; None for all.
        sizes: what replaces arguments of these names in the terms: sizes of the data set.

    Raises:
        ValueError: there is no such file.
    """
    known = sorted(file.stem for file in folder.glob('*.py'))
    chosen = dict.fromkeys([KD, *(known if names is None else names)])
    if unknown := sorted(chosen.keys() - set(known) - {NO_TEACHER}):
        raise ValueError(f'{folder} has no {", ".join(unknown)}; it has {", ".join(known) or "no method"}')
    methods = {NO_TEACHER: {'terms': {}, 'use_labels': True}}
    return methods | {name: method_of(folder / f'{name}.py', sizes) for name in chosen if name != NO_TEACHER}


def method_of(file: Path, sizes: Mapping[str, int]) -> dict:
    """The terms of a method config, if all that it needs is here."""
    config = Config.fromfile(file)
    # As it is stored in the results, so that the two can be compared: JSON has no tuples.
    method = json.loads(
        json.dumps(
            {
                'terms': _with_sizes(config.model.terms.to_dict(), sizes),
                'use_labels': config.model.get('use_labels', True),
            }
        )
    )
    teacher, model = config.model.get('teacher') or {}, config.model.type
    hooks = {hook.type for hook in config.get('custom_hooks', [])} - SHARED_HOOKS
    if model != 'Distiller' or teacher.get('type', 'ImageTeacher') != 'ImageTeacher' or hooks:
        method['error'] = (
            f'not run: needs a {model} with {teacher.get("type", "several teachers")} and the hooks '
            f'{sorted(hooks)}; the contest has a Distiller with an ImageTeacher and no more hooks'
        )
    return method


def _with_sizes(value, sizes: Mapping[str, int]):
    if isinstance(value, Mapping):
        return {key: sizes.get(key, _with_sizes(inner, sizes)) for key, inner in value.items()}
    return [_with_sizes(inner, sizes) for inner in value] if isinstance(value, (list, tuple)) else value


def run_in_processes(runs: Sequence[tuple], num_jobs: int) -> Iterator[tuple[int, dict]]:
    """Run each in a process of its own, so that memory is counted from the same point; yields them as they end.

    Args:
        runs: arguments of :func:`_run_and_send`, without the connection.

    Yields:
        Position among ``runs``, and what it measured.
    """
    # A process that is forked shares the clips; CUDA does not survive a fork.
    context = multiprocessing.get_context('spawn' if torch.cuda.is_available() else 'fork')
    waiting, running = list(enumerate(runs)), {}
    while waiting or running:
        while waiting and len(running) < num_jobs:
            position, arguments = waiting.pop(0)
            receiver, sender = context.Pipe(duplex=False)
            process = context.Process(target=_run_and_send, args=(sender, *arguments))
            process.start()
            sender.close()
            running[receiver] = position, process
        for receiver in wait(list(running)):
            position, process = running.pop(receiver)
            try:
                measured = receiver.recv()
            except EOFError:
                process.join()
                measured = {'error': f'its process ended with {process.exitcode}'}
            process.join()
            yield position, measured


def _run_and_send(sender: Connection, config: Config, method: Mapping, clips: Clips, seed: int, folder: Path) -> None:
    sender.send(run(config, method, clips, seed=seed, folder=folder))


def contest(
    config: Config, methods: Mapping[str, Mapping], *, seeds: Sequence[int], out: Path, folder: Path, num_jobs: int
) -> dict:
    """Run what is not in ``out`` yet, or failed there, or had other terms; every result is stored as it comes.

    Raises:
        ValueError: ``out`` holds results of other settings.
    """
    settings = {'config': config.to_dict(), 'video_seed': VIDEO_SEED}
    settings['config']['model']['teacher'].pop('weights', None)  # where they lie does not matter
    settings = json.loads(json.dumps(settings))
    results = json.loads(out.read_text(encoding='utf-8')) if out.is_file() else {'settings': settings, 'methods': {}}
    if results['settings'] != settings:
        raise ValueError(f'{out} holds results of other settings: move it away, or choose another --out')
    videos = prepared_videos(folder, _videos(config))
    weights = folder / f'teacher_{config.teacher_steps}_steps.pth'
    if not weights.is_file():
        train_teacher(config, weights, seed=VIDEO_SEED)
    config.model.teacher.weights = str(weights)
    if 'teacher' not in results:
        results['teacher'] = teacher_scores(config, videos)
        print('teacher: top-1 {top1:.3f}, retrieval@1 {retrieval1:.3f}'.format(**results['teacher']), flush=True)
    results.update(
        versions=versions(),
        threads=1,
        jobs=num_jobs,
        device=torch.cuda.get_device_name() if torch.cuda.is_available() else 'CPU',
    )
    clips = Clips(*videos['training'], EvaluationClips(videos, config=config, pixels=config.student_pixels))
    del videos
    todo = []
    for seed in seeds:  # all methods of a seed before the next: what is broken off can be read
        for name, method in methods.items():
            row = results['methods'].get(name)
            if row is None or {key: value for key, value in row.items() if key != 'runs'} != method:
                results['methods'][name] = row = {**method, 'runs': {}}
            if 'error' not in method and 'top1' not in row['runs'].get(str(seed), {}):
                todo.append((name, seed))
    write_aside(out, json.dumps(results, indent=1))
    arguments = [(config, methods[name], clips, seed, folder) for name, seed in todo]
    for count, (position, measured) in enumerate(run_in_processes(arguments, num_jobs), start=1):
        name, seed = todo[position]
        results['methods'][name]['runs'][str(seed)] = measured
        write_aside(out, json.dumps(results, indent=1))
        told = measured.get('error') or ', '.join(f'{key} {value:.3g}' for key, value in measured.items())
        print(f'[{count}/{len(todo)}] {name}, seed {seed}: {told}', flush=True)
    return results


def _videos(config: Config) -> DigitVideos:
    return DigitVideos(config.training_videos_per_class, config.test_videos_per_class, VIDEO_SEED)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--methods', nargs='+', help='files of --configs without .py; default all')
    parser.add_argument('--configs', type=Path, default=CONFIGS, help='folder of method configs')
    parser.add_argument('--seeds', type=int, nargs='+', default=[0, 1, 2])
    parser.add_argument('--steps', type=int, help='of each training; default that of the config')
    parser.add_argument('--settings', type=Path, default=Path(__file__).with_name('methods_config.py'))
    parser.add_argument('--jobs', type=int, default=1, help='runs at a time, one thread each')
    parser.add_argument('--work-dir', type=Path, default='work_dirs/methods', help='for videos and teacher')
    parser.add_argument('--out', type=Path, default=OUT, help='JSON of all numbers')
    parser.add_argument('--render', action='store_true', help='run nothing, write the tables of the page')
    parser.add_argument('--page', type=Path, default=PAGE)
    args = parser.parse_args(arguments)
    if args.render:
        write_page(args.page, leaderboard(json.loads(args.out.read_text(encoding='utf-8'))))
        return
    init_default_scope('kdtoolbox')
    MMLogger.get_instance('methods', log_level='ERROR')  # else initialising a network logs each of its tensors
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
    config = Config.fromfile(args.settings)
    config.steps = args.steps or config.steps
    sizes = {'num_samples': 10 * config.training_videos_per_class, 'num_classes': config.num_classes}
    results = contest(
        config,
        methods_of(args.configs, args.methods, sizes),
        seeds=args.seeds,
        out=args.out,
        folder=args.work_dir,
        num_jobs=args.jobs,
    )
    print(leaderboard(results))


if __name__ == '__main__':
    main()
