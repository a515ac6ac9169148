"""What students and teachers cost, side by side, in PyTorch and ONNX Runtime."""

import argparse
from pathlib import Path

from kdtoolbox.cli.arguments.student import add_imports, at_least_one, seconds
from kdtoolbox.config_files.command_line import add_safe_config_argument
from kdtoolbox.config_files.finding import find_config
from kdtoolbox.safe_files import check_writable

EXAMPLE = 'kdtoolbox profile demo/video_student --json cost.json'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        'networks',
        nargs='+',
        metavar='CONFIG|STUDENT',
        help='a config, whose students and teachers are measured with random weights; a student folder; a checkpoint',
    )
    parser.add_argument('--json', metavar='FILE', help='write all numbers as JSON')
    parser.add_argument(
        '--batch-sizes', type=at_least_one, nargs='+', default=[1, 8], metavar='N', help='clips at a time (default 1 8)'
    )
    parser.add_argument('--device', help="of PyTorch: 'cpu', 'cuda', … (default the best that is there)")
    parser.add_argument(
        '--seconds', type=seconds, default=1.0, metavar='S', help='to measure each time for (default 1)'
    )
    add_imports(parser, "modules that register a student's own classes")
    add_safe_config_argument(parser)


def check_first(args: argparse.Namespace) -> None:
    """Refuse what cannot be meant, before torch is imported."""
    for network in args.networks:
        if not Path(network).exists():
            find_config(network)
    check_writable(args.json)
