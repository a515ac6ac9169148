"""How long does a training of Kinetics-400 or -700 take on N devices, and what do disks and cores have to give?

Operations of a clip are counted from the config. How fast a device does them, and what a clip costs to decode, is
measured: give what you measured on yours. Clips a second of one device are those of a training step
(``benchmarks/step.py``, or ``doctor``), or sustained operations a second; milliseconds of one core for a clip are those
of ``benchmarks/training_clips.py`` on your videos.

    python benchmarks/scaling.py [--config kd_r2d_to_r3d_kinetics400] [--tflops 60 | --clips-per-second 200]
                                 [--decode-ms 35] [--clip-mb 0.4] [--devices 8 64] [--epochs 45]
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from mmengine.config import Config
from mmengine.registry import init_default_scope

sys.path.insert(0, str(Path(__file__).parents[1]))

from kdtoolbox.config_files.finding import find_config
from kdtoolbox.inspection.run_cost import RunCost, estimate_run_cost
from kdtoolbox.terminal import table_text

CORES_OF_A_MACHINE, DEVICES_OF_A_MACHINE = 96, 8


class DataSetSize(NamedTuple):
    """Videos of a release, as published: training, validation, and classes."""

    training: int
    validation: int
    classes: int


SIZES = {
    'Kinetics-400': DataSetSize(240_000, 20_000, 400),
    'Kinetics-700': DataSetSize(536_000, 34_000, 700),
}


@dataclass(frozen=True)
class Measured:
    """What one device, one core and the videos give.

    Args:
        tflops: sustained operations of one device, 1e12 a second.
        clips_per_second: of one device in training; None takes it from ``tflops``.
        decode_ms: of one core for a training clip.
        clip_mb: that are read for it.
    """

    tflops: float
    clips_per_second: float | None
    decode_ms: float
    clip_mb: float


@dataclass(frozen=True)
class Plan:
    """A run on some devices.

    Attributes:
        hours: of the whole run, where neither loading nor the network between machines is the limit.
        cores: for each device, so that loading is not the limit.
        disk_mb_a_second: read by all devices.
        hours_by_cores: of the run with the cores that a machine has.
    """

    hours: float
    cores: float
    disk_mb_a_second: float
    hours_by_cores: float


def plan(cost: RunCost, size: DataSetSize, measured: Measured, num_devices: int) -> Plan:
    """What a run of this size takes.

    Args:
        cost: of the run with Kinetics-400, counted.
        size: of the data set.
        measured: of one device, one core.
        num_devices: that share the clips.
    """
    known = SIZES['Kinetics-400']
    more_clips, more_classes = size.training / known.training, size.classes / known.classes
    clips = cost.length.clips * more_clips
    a_clip = (cost.operations['student'] + cost.operations['teacher']) / cost.length.clips
    speed = measured.clips_per_second or measured.tflops * 1e12 / a_clip
    # The quick validation looks at so many videos of a class, the test at all, of the gallery too.
    others = cost.operations['validation'] * more_classes + cost.operations['test'] * more_clips
    training = clips / speed / num_devices
    evaluation = others / (speed * a_clip) / num_devices
    by_cores = clips * measured.decode_ms / 1000 / (num_devices * CORES_OF_A_MACHINE / DEVICES_OF_A_MACHINE)
    return Plan(
        (training + evaluation) / 3600,
        speed * measured.decode_ms / 1000,
        speed * num_devices * measured.clip_mb,
        (max(training, by_cores) + evaluation) / 3600,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--config', default='kd_r2d_to_r3d_kinetics400')
    parser.add_argument('--tflops', type=float, default=60, help='sustained by one device (default %(default)s)')
    parser.add_argument('--clips-per-second', type=float, help='of one device in training, instead of --tflops')
    parser.add_argument('--decode-ms', type=float, default=35, help='of one core, a clip (default %(default)s)')
    parser.add_argument('--clip-mb', type=float, default=0.4, help='read for a clip (default %(default)s)')
    parser.add_argument('--devices', type=int, nargs='+', default=[8, 64])
    parser.add_argument('--epochs', type=int, help='instead of those of the config')
    args = parser.parse_args()
    config = Config.fromfile(find_config(args.config))
    if args.epochs:
        config.train_cfg.max_epochs = args.epochs
    init_default_scope(config.get('default_scope', 'kdtoolbox'))
    cost = estimate_run_cost(config, num_videos=None, is_measured=False)
    measured = Measured(args.tflops, args.clips_per_second, args.decode_ms, args.clip_mb)
    a_clip = (cost.operations['student'] + cost.operations['teacher']) / cost.length.clips
    print(
        f'{args.config}: {cost.length.epochs:.0f} epochs, {a_clip / 1e9:.0f} billion operations a training clip, so '
        f'{measured.clips_per_second or measured.tflops * 1e12 / a_clip:.0f} clips a second of one device'
    )
    rows = []
    for name, size in SIZES.items():
        for number in args.devices:
            found = plan(cost, size, measured, number)
            rows.append(
                (
                    f'{name}, {number} devices',
                    f'{found.hours:.1f}',
                    f'{found.cores:.1f}',
                    f'{found.disk_mb_a_second:,.0f}',
                    f'{found.hours_by_cores:.1f}',
                )
            )
    header = ('', 'hours', 'cores for each device', 'MB/s read', f'hours with {CORES_OF_A_MACHINE} cores for 8')
    print(table_text(rows, header=header, num_left=1))


if __name__ == '__main__':
    main()
