"""Write a student for others to use: as a folder with its model card, or for another runtime."""

import argparse

from kdtoolbox.cli.arguments.student import STUDENT_HELP

EXAMPLE = 'kdtoolbox export work_dirs/kd/epoch_10.pth --out student --metrics metrics.json'
KINDS = ('folder', 'onnx', 'torch-export', 'safetensors')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(check_first=_check)
    parser.add_argument('student', metavar='STUDENT', help=STUDENT_HELP)
    parser.add_argument('--out', required=True, metavar='DIR', help='the folder to write')
    parser.add_argument(
        '--to',
        choices=KINDS,
        default='folder',
        help='folder (default): weights, config, classes, preprocessing, metrics and model card; onnx, torch-export or '
        'safetensors: the model for another runtime, compared with the student, with its preprocessing beside it',
    )
    parser.add_argument('--half', action='store_true', help='of a model for another runtime: compute in float16')
    parser.add_argument(
        '--dynamic-batch', action='store_true', help='of a model for another runtime: any number of clips at a time'
    )
    parser.add_argument('--videos', metavar='VIDEO', nargs='+', help='compare on these (default made-up clips)')
    parser.add_argument('--metrics', metavar='FILE', help='what kdtoolbox test --out wrote, for the model card')
    parser.add_argument(
        '--imports', nargs='+', default=[], metavar='MODULE', help="modules that register the student's own classes"
    )


def _check(args: argparse.Namespace) -> None:
    if args.to == 'folder' and (args.half or args.dynamic_batch or args.videos):
        raise ValueError('--half, --dynamic-batch and --videos are for another runtime: --to onnx, for example')
    if args.to != 'folder' and args.metrics:
        raise ValueError('--metrics are for the model card of a folder: leave --to out')
    if args.to == 'safetensors' and args.dynamic_batch:
        raise ValueError('--dynamic-batch is for models that can be run: --to onnx or --to torch-export')
