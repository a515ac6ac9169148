"""Write a student for others to use: as a folder with its model card, or for another runtime."""

import argparse
import re

from kdtoolbox.cli.arguments.student import STUDENT_HELP, add_imports, check_student

EXAMPLE = 'kdtoolbox export work_dirs/kd/epoch_10.pth --out student --metrics metrics.json'
KINDS = ('folder', 'onnx', 'torch-export', 'safetensors')


def add_arguments(parser: argparse.ArgumentParser) -> None:
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
        '--int8',
        action='store_true',
        help='of --to onnx: weights and activations in 8 bits, calibrated on half of the clips, compared on the others',
    )
    parser.add_argument(
        '--dynamic-batch', action='store_true', help='of a model for another runtime: any number of clips at a time'
    )
    parser.add_argument('--videos', metavar='VIDEO', nargs='+', help='compare on these (default made-up clips)')
    parser.add_argument('--metrics', metavar='FILE', help='what kdtoolbox test --out wrote, for the model card')
    parser.add_argument(
        '--push-to-hub',
        metavar='OWNER/NAME',
        help="of a folder: send it to this repository of the Hugging Face hub, too (pip install 'kdtoolbox[hub]')",
    )
    parser.add_argument('--private', action='store_true', help='the repository is private, if it is new')
    add_imports(parser)


def check_first(args: argparse.Namespace) -> None:
    """Refuse what cannot be meant, before torch is imported."""
    if args.int8 and (args.to != 'onnx' or args.half):
        raise ValueError('--int8 is of ONNX Runtime, and instead of --half: --to onnx --int8')
    if args.push_to_hub is not None and args.to != 'folder':
        raise ValueError('--push-to-hub sends a student folder: leave --to out')
    if args.push_to_hub is not None and not re.fullmatch(r'[\w.-]+/[\w.-]+', args.push_to_hub):
        raise ValueError(f'--push-to-hub {args.push_to_hub}: expected OWNER/NAME, as in the address of the repository')
    if args.private and args.push_to_hub is None:
        raise ValueError('--private is of the repository: --push-to-hub OWNER/NAME')
    if args.to == 'folder' and (args.half or args.dynamic_batch or args.videos):
        raise ValueError('--half, --dynamic-batch and --videos are for another runtime: --to onnx, for example')
    if args.to != 'folder' and args.metrics:
        raise ValueError('--metrics are for the model card of a folder: leave --to out')
    if args.to == 'safetensors' and args.dynamic_batch:
        raise ValueError('--dynamic-batch is for models that can be run: --to onnx or --to torch-export')
    check_student(args.student)
