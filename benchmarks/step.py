"""What does a training step cost beside the student alone, a loop written by hand and the original's teacher loop?

Every distiller, ten losses, the cached teacher and each option that makes a step cheaper take turns in one process, on
the same clips, so that a machine whose speed drifts slows all of them. Seconds are of processor time on a CPU, and on a
GPU those until it is done. Each ratio is the median over the rounds of a way's time over that of the reference in the
same round. Weights and clips are random.

    python -m benchmarks.step [--device cpu] [--size cpu] [--rounds 5] [--only PART] [--out FILE]
    python -m benchmarks.step --tiny                                    # to try it out; nothing is kept
"""

import argparse
import dataclasses
import json
import statistics
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import torch
from mmengine.logging import MessageHub
from mmengine.registry import init_default_scope

from benchmarks import cache
from benchmarks.machine import machine, seconds_of
from benchmarks.step_models import (
    LOSSES,
    SIZES,
    Size,
    by_hand,
    clips_of,
    kd_config,
    model_config,
    original_loop,
    stepping,
    with_teacher,
)
from kdtoolbox.safe_files import write_aside

RESULTS = Path(__file__).parent / 'results/step.json'
ALONE, FLAGSHIP, BY_HAND, ORIGINAL = 'student alone', 'kd', 'written by hand', "original's teacher loop"
OF_CACHE = {  # name here -> in benchmarks/cache.py
    'student alone, 16 frames': cache.ALONE,
    'the same, once more': cache.AGAIN,
    'cached teacher, 16 frames': cache.CACHED,
    'of that, lookup and term': cache.EXTRA,
}
ALONE_16, AGAIN_16, CACHED_16, EXTRA_16 = OF_CACHE
DISTILLERS = {
    'Distiller without labels': 'distinit_r2d_to_r3d_ucf101',
    'AdversarialDistiller': 'anc_r2d_to_r3d_hmdb51',
    'MutualDistiller, two students': 'regimes/mutual_r3d_hmdb51',
    'Distiller of an EMATeacher': 'regimes/ema_teacher_r3d_hmdb51',
}
GOALS = {  # what is compared, with what, at most or at least
    'kd / written by hand': (FLAGSHIP, BY_HAND, 'at most', 1.03),
    'cached teacher / student alone': (CACHED_16, ALONE_16, 'at most', 1.03),
    "original's teacher loop / kd": (ORIGINAL, FLAGSHIP, 'at least', 20.0),
}
PARTS = ('compared', 'distillers', 'losses', 'options', 'cached')  # the first is always there
Way = Callable[[], object]


def compared(size: Size, device: torch.device, batch: dict) -> dict[str, Callable[[], Way]]:
    """The flagship and what it is measured against, by name: calls that build a step."""
    alone = {key: value for key, value in kd_config(size).items() if key not in ('teacher', 'terms')}
    return {
        ALONE: lambda: stepping(alone, device, batch),
        FLAGSHIP: lambda: stepping(kd_config(size), device, batch),
        BY_HAND: lambda: by_hand(size, device, batch),
        ORIGINAL: lambda: stepping(original_loop(size), device, batch),
    }


def distillers(size: Size, device: torch.device, batch: dict) -> dict[str, Callable[[], Way]]:
    """The other distillers, each of a shipped config."""
    return {
        name: lambda config=config: stepping(model_config(config, size), device, batch)
        for name, config in DISTILLERS.items()
    }


def losses(size: Size, device: torch.device, batch: dict) -> dict[str, Callable[[], Way]]:
    """The ten losses, each of the shipped config of its name."""
    return {name: lambda name=name: stepping(model_config(f'methods/{name}', size), device, batch) for name in LOSSES}


def options(size: Size, device: torch.device, batch: dict, *, compiles: bool) -> dict[str, Callable[[], Way]]:
    """The flagship with each option that its config has to make a step cheaper."""
    config = kd_config(size)
    checkpointed = kd_config(size)
    checkpointed['student']['backbone']['with_cp'] = True
    ways = {
        'channels last': lambda: stepping({**config, 'channels_last': True}, device, batch),
        'activation checkpointing': lambda: stepping(checkpointed, device, batch),
        'two batches a step': lambda: stepping(config, device, batch, accumulative_counts=2),
        'fused optimizer': lambda: stepping(config, device, batch, optimizer={'fused': True}),
        'bfloat16 teacher': lambda: stepping(with_teacher(config, compute_dtype='bfloat16'), device, batch),
    }
    if device.type == 'cuda':  # mmengine's wrapper has no mixed precision on a CPU
        for dtype in ('bfloat16', 'float16'):
            amp = {'type': 'AmpOptimWrapper', 'dtype': dtype}
            ways[dtype] = lambda amp=amp: stepping(config, device, batch, **amp)
            ways[f'{dtype}, channels last'] = lambda amp=amp: stepping(
                {**config, 'channels_last': True}, device, batch, **amp
            )
    if compiles:
        ways['compiled teacher'] = lambda: stepping(with_teacher(config, compile=True), device, batch)
        ways['compiled student'] = lambda: stepping(config, device, batch, compile=True)
    return ways


def built(ways: dict[str, Callable[[], Way]]) -> tuple[dict[str, Way], dict[str, str]]:
    """The steps, run once; and what could not run, with the reason."""
    steps, failed = {}, {}
    for name, build in ways.items():
        try:
            step = build()
            step()
            steps[name] = step
        except Exception as error:  # one way that fails leaves the others their numbers
            traceback.print_exc()
            failed[name] = f'{type(error).__name__}: {error}'[:200]
    return steps, failed


def taking_turns(
    steps: dict[str, Way], device: torch.device, *, rounds: int, times: int, until: float
) -> dict[str, list[float]]:
    """Seconds of a step of each way, one number a round; ends early at the monotonic time ``until``."""
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for done in range(rounds):
        if done and time.monotonic() > until:
            break
        for name, step in steps.items():
            seconds[name].append(seconds_of(step, device, times=1 if name == ORIGINAL else times))
    return seconds


def cached(size: Size, device: torch.device, *, rounds: int) -> dict[str, list[float]]:
    """Seconds of steps with the cached teacher, and of the same student and clips alone (benchmarks/cache.py)."""
    with tempfile.TemporaryDirectory() as folder:
        config = cache.experiment(Path(folder), batch_size=size.batch_size, tiny=True)
        channels = 8 * size.student_channels
        config.model.student.backbone.base_channels = size.student_channels
        config.model.student.cls_head.in_channels = channels
        config.model.terms.kd.student_connector.in_channels = channels
        config.model.student_view = {'size': size.student_pixels}
        seconds = cache.measured_steps(config, rounds=rounds, device=device)
    return {name: seconds[way] for name, way in OF_CACHE.items() if way in seconds}


def ratio(seconds: dict[str, list[float]], name: str, reference: str) -> float:
    """Median over the rounds."""
    return statistics.median(one / other for one, other in zip(seconds[name], seconds[reference]))


def reached(seconds: dict[str, list[float]]) -> dict[str, dict]:
    """The goals whose ways were measured: what was wanted and what was found."""
    found = {}
    for name, (way, reference, relation, wanted) in GOALS.items():
        if seconds.get(way) and seconds.get(reference):
            value = ratio(seconds, way, reference)
            is_reached = value <= wanted if relation == 'at most' else value >= wanted
            found[name] = {'goal': f'{relation} {wanted}', 'found': round(value, 3), 'reached': is_reached}
    return found


def main(arguments: list[str] | None = None) -> dict:
    """Measure, print a table and keep the numbers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--device', default='cpu', choices=('cpu', 'cuda'))
    parser.add_argument('--size', choices=SIZES, help='default: cpu or full, by the device')
    parser.add_argument('--tiny', action='store_true', help='the same as --size tiny --rounds 1; nothing is kept')
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--only', nargs='+', choices=PARTS, help='parts')
    parser.add_argument('--teacher', help='another network of torchvision, such as vit_b_16')
    parser.add_argument('--compile', action='store_true', help='also with torch.compile')
    parser.add_argument('--seconds', type=float, default=600, help='no new round after so many')
    parser.add_argument('--out', type=Path, help=f'default: {RESULTS.name}')
    args = parser.parse_args(arguments)
    name = 'tiny' if args.tiny else args.size or ('full' if args.device == 'cuda' else 'cpu')
    size, device, rounds = SIZES[name], torch.device(args.device), 1 if args.tiny else args.rounds
    size = dataclasses.replace(size, teacher=args.teacher or size.teacher)
    parts = args.only or PARTS
    until = time.monotonic() + args.seconds
    init_default_scope('kdtoolbox')
    hub = MessageHub.get_instance('benchmarks.step')  # half-way through a training, where every term counts
    hub.update_info_dict({'iter': 1, 'max_iters': 2})
    batch = clips_of(size)
    ways = compared(size, device, batch)
    for part, make in (('distillers', distillers), ('losses', losses)):
        ways |= make(size, device, batch) if part in parts else {}
    if 'options' in parts:
        ways |= options(size, device, batch, compiles=args.compile)
    steps, failed = built(ways)
    seconds = taking_turns(steps, device, rounds=rounds, times=3 if device.type == 'cuda' else 1, until=until)
    if 'cached' in parts:
        try:
            seconds |= cached(size, device, rounds=rounds)
        except Exception as error:  # the others keep their numbers
            traceback.print_exc()
            failed['cached teacher'] = f'{type(error).__name__}: {error}'[:200]
    results = {
        'machine': machine(device),
        'size': {'name': name, **dataclasses.asdict(size)},
        'rounds': len(seconds[ALONE]),
        'goals': reached(seconds),
        'rows': {
            way: {
                'ms': round(1000 * statistics.median(taken), 2),
                'ratio to the student alone': round(ratio(seconds, way, ALONE_16 if way in OF_CACHE else ALONE), 3),
                # The clips that a cache is made of are others, of 16 frames.
                'ratio to kd': None if way in OF_CACHE else round(ratio(seconds, way, FLAGSHIP), 3),
            }
            for way, taken in seconds.items()
        },
        'could not run': failed,
    }
    print(f'| step | ms | / {ALONE} | / {FLAGSHIP} |\n|---|---|---|---|')
    for way, row in results['rows'].items():
        print('|', way, '|', ' | '.join(map(str, row.values())), '|')
    for goal, found in results['goals'].items():
        print(f'{goal}: {found["found"]}, goal {found["goal"]}: {"reached" if found["reached"] else "missed"}')
    if args.out or not args.tiny:
        write_aside(args.out or RESULTS, json.dumps(results, indent=1) + '\n')
    return results


if __name__ == '__main__':
    main()
