"""What students and teachers cost, side by side, in PyTorch and ONNX Runtime.

Parameters, operations and memory; latency and throughput with one clip and with several at a time. Of a config the
networks are built with random weights, so neither data nor weights are needed.
"""

import argparse
import json
from collections.abc import Iterator, Sequence

from kdtoolbox import terminal
from kdtoolbox.cli.export_student import import_all
from kdtoolbox.config_files.finding import find_config
from kdtoolbox.deployment.devices import usable_device
from kdtoolbox.profiling.measuring import Profile, profile
from kdtoolbox.profiling.networks import Measured, is_student, networks_of_config, networks_of_student
from kdtoolbox.safe_files import write_aside

CAPTION = (
    'Operations of one clip: multiplications with an addition (MACs). Latency: median time of a batch. Memory: '
    'the most that weights, inputs and outputs of operators take at a time.'
)


def run(args: argparse.Namespace) -> int:
    import_all(args.imports)
    device = usable_device(args.device)
    found: list[Profile] = []
    notes: list[str] = []
    for one in _networks(args):
        if isinstance(one, str):
            notes.append(one)
            continue
        found.append(profile(one, batch_sizes=args.batch_sizes, device=device, min_seconds=args.seconds))
        notes += found[-1].notes
    terminal.say(networks_text(found))
    terminal.say(speeds_text(found))
    terminal.say('\n'.join([CAPTION, *notes]))
    if args.json:
        content = {'networks': [one.as_plain() for one in found], 'notes': notes}
        write_aside(args.json, json.dumps(content, indent=2) + '\n')
    return 0


def _networks(args: argparse.Namespace) -> Iterator[Measured | str]:
    for source in args.networks:
        if is_student(source):
            yield from networks_of_student(source)
        else:
            yield from networks_of_config(find_config(source), safe=args.safe_config)


def networks_text(profiles: Sequence[Profile]) -> str:
    """A table of what does not depend on the runtime."""
    rows = [
        [
            one.name,
            '×'.join(map(str, one.input_shape)),
            f'{one.parameters / 1e6:.3g}',
            f'{one.operations / 1e9:.3g}',
            f'{one.weight_bytes / 2**20:.3g}',
        ]
        for one in profiles
    ]
    return terminal.table_text(
        rows, header=('network', 'input of a clip', 'parameters (M)', 'operations (G)', 'weights (MiB)'), num_left=2
    )


def speeds_text(profiles: Sequence[Profile]) -> str:
    """A table of times and memory by runtime and batch size."""
    rows = [
        [
            one.name,
            f'{speed.runtime}, {speed.device}',
            str(speed.batch_size),
            f'{speed.milliseconds:.3g}',
            f'{speed.clips_per_second:.3g}',
            '–' if speed.peak_bytes is None else f'{speed.peak_bytes / 2**20:.3g}',
        ]
        for one in profiles
        for speed in one.speeds
    ]
    header = ('network', 'runtime', 'batch', 'latency (ms)', 'clips a second', 'memory (MiB)')
    return terminal.table_text(rows, header=header, num_left=2)
