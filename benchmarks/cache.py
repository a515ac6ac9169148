"""What a step costs with a teacher cache, and what a whole run costs with and without one.

The first table is measured: steps of the student alone, with the cached teacher and with the teacher itself take turns
on the same clips in one process (on a CPU in processor time). Student, clips and teacher are those of
configs/kd_cached_r2d_to_r3d_hmdb51.py, weights and videos are random. The second table is computed: operations, counted
by torch.utils.flop_counter, of a run with UCF-101's numbers, with the operations of making the cache in it.

    python benchmarks/cache.py [--batch-size 2] [--rounds 5] [--tiny]
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

import torch
import torchvision
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.device import get_device
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.machine import machine, seconds_of  # noqa: E402
from kdtoolbox.cache_writing.video_source import VideoSource  # noqa: E402
from kdtoolbox.cache_writing.writing import write_cache  # noqa: E402
from kdtoolbox.cli.cache import cache_job, cached_teachers  # noqa: E402
from kdtoolbox.config_files.reading import read_config  # noqa: E402
from kdtoolbox.registry import MODELS  # noqa: E402
from kdtoolbox.safe_files import write_aside  # noqa: E402
from tests.videos import write_hmdb51  # noqa: E402

CONFIG = ROOT / 'configs/kd_cached_r2d_to_r3d_hmdb51.py'
RESULTS = ROOT / 'benchmarks/results/cache.json'
# UCF-101, split 1: 9,537 training videos of 7.21 s at 25 frames a second (Soomro et al., arXiv:1212.0402, section 2).
NUM_VIDEOS, FRAMES_OF_A_VIDEO = 9537, 180
EPOCHS = 120
TEACHERS = ('resnet50', 'vit_b_16', 'vit_l_16')
ALONE, CACHED, LIVE = 'student alone', 'with the cache', 'with the teacher itself'
AGAIN, EXTRA = 'student alone, once more', 'what a step with the cache does beyond the student'


def experiment(folder: Path, *, batch_size: int, tiny: bool) -> Config:
    """The shipped config on generated videos, with a teacher of random weights, and its cache written."""
    videos, annotations = write_hmdb51(folder, videos=1)
    config = read_config(CONFIG)
    config.model.teacher.cache = str(folder / 'cache')
    torch.manual_seed(0)
    network = torchvision.models.resnet50() if not tiny else torchvision.models.resnet18()
    torch.save(network.state_dict(), folder / 'teacher.pth')
    config.model.teacher.teacher.update(
        model=f'torchvision.resnet{18 if tiny else 50}', weights=str(folder / 'teacher.pth')
    )
    if tiny:
        config.model.teacher.teacher.view.size = 32
        config.model.student.backbone.base_channels = 4
        config.model.student.cls_head.in_channels = 32
        config.model.terms.kd.student_connector.in_channels = 32
    loader = config.train_dataloader
    loader.update(batch_size=batch_size, num_workers=0, persistent_workers=False)
    loader.dataset.update(data_root=str(videos), ann_file=str(annotations))
    init_default_scope('kdtoolbox')
    write_cache(cache_job(cached_teachers(config)[0], VideoSource(config)), num_workers=0)
    return config


def measured_steps(config: Config, *, rounds: int, device: torch.device | None = None) -> dict[str, list[float]]:
    """Seconds of a training step in each of the three ways, one number a round.

    The ways go in turns from the first to the last and back: what runs first in a round has no advantage. The student
    alone is there twice: what the two differ by is the noise of the machine. On a CPU also the seconds of the two calls
    that a step with the cache has beyond it, the lookup and the term.
    """
    device = device or torch.device(get_device())
    live = config.model.to_dict()
    live['teacher'] = live['teacher']['teacher']
    alone = {key: value for key, value in config.model.to_dict().items() if key not in ('teacher', 'terms')}
    ways = {}
    for name, model_config in ((ALONE, alone), (CACHED, config.model.to_dict()), (LIVE, live), (AGAIN, alone)):
        torch.manual_seed(0)
        model = MODELS.build(model_config).to(device).train()
        ways[name] = model, build_optim_wrapper(model, dict(optimizer=dict(type='SGD', lr=0.01)))
    extra: list[float] = []
    if device.type == 'cpu':
        note_seconds(ways[CACHED][0], '_answers', extra)
        note_seconds(ways[CACHED][0].criterion, 'forward', extra)
    dataset = Runner.build_dataloader(config.train_dataloader.to_dict(), seed=0).dataset  # of few videos
    batch = pseudo_collate([dataset[number % len(dataset)] for number in range(config.train_dataloader.batch_size)])
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        extra.clear()
        for name in list(ways) if number % 2 else reversed(ways):
            model, optimizer = ways[name]
            took = seconds_of(lambda model=model, optimizer=optimizer: model.train_step(batch, optimizer), device)
            if number:  # the first one loads libraries and finds algorithms
                seconds[name].append(took)
        if number and extra:
            seconds.setdefault(EXTRA, []).append(sum(extra))
    return seconds


def note_seconds(module: nn.Module, method: str, seconds: list[float]) -> None:
    """Have the calls of a method add what they take to a list, in processor time."""
    plain = getattr(module, method)

    def noted(*args, **options):
        start = time.process_time()
        found = plain(*args, **options)
        seconds.append(time.process_time() - start)
        return found

    object.__setattr__(module, method, noted)


def operations_of(network: nn.Module, *shape: int, backward: bool) -> int:
    """Of one pass over an input of ones, on no device."""
    inputs = torch.ones(*shape, device='meta')
    with FlopCounterMode(display=False) as counter:
        outputs = network.to('meta')(inputs)
        if backward:
            outputs.sum().backward()
    return counter.get_total_flops()


def computed_runs(config: Config) -> list[dict]:
    """Operations of whole runs: each row a teacher and a number of views."""
    student = MODELS.build(config.model.student.to_dict())
    network = nn.Sequential(student.backbone, nn.AdaptiveAvgPool3d(1), nn.Flatten(), student.cls_head.fc_cls)
    student_step = operations_of(network, 1, 3, 16, 112, 112, backward=True)
    rows = []
    for name in TEACHERS:
        frame = operations_of(torchvision.models.get_model(name, weights=None), 1, 3, 224, 224, backward=False)
        clips = EPOCHS * NUM_VIDEOS
        live = clips * (student_step + 16 * frame)
        for views in (1, 4):
            making = NUM_VIDEOS * FRAMES_OF_A_VIDEO * views * frame
            rows.append(
                {
                    'teacher': name,
                    'views': views,
                    'teacher operations a frame': frame,
                    'student operations a step and clip': student_step,
                    'run with the teacher / with the cache, its making included': round(
                        live / (clips * student_step + making), 2
                    ),
                    'later runs': round(live / (clips * student_step), 2),
                }
            )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--batch-size', type=int, default=2)
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--tiny', action='store_true', help='small networks, to try this out; nothing is written')
    parser.add_argument('--out', type=Path, help=f'JSON of the numbers; default: {RESULTS.name}')
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        config = experiment(Path(folder), batch_size=args.batch_size, tiny=args.tiny)
        seconds = measured_steps(config, rounds=args.rounds)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    print('| step | seconds, median | / student alone |\n|---|---|---|')
    for name, value in medians.items():
        print(f'| {name} | {value:.3f} | {value / medians[ALONE]:.3f} |')
    rows = computed_runs(read_config(CONFIG))
    print(f'\nComputed: {EPOCHS} epochs of UCF-101, clips of 16 frames, the teacher sees each of them\n')
    print('| teacher | views | whole run, making the cache included | later runs |\n|---|---|---|---|')
    for row in rows:
        values = list(row.values())
        print(f'| {row["teacher"]} | {row["views"]} | {values[4]} × | {values[5]} × |')
    results = {
        'machine': machine(torch.device(get_device())),
        'batch size': args.batch_size,
        'seconds of a step': {name: [round(value, 4) for value in values] for name, values in seconds.items()},
        'ratio to the student alone': {name: round(value / medians[ALONE], 3) for name, value in medians.items()},
        'computed': rows,
    }
    if args.out or not args.tiny:
        write_aside(args.out or RESULTS, json.dumps(results, indent=1) + '\n')


if __name__ == '__main__':
    main()
