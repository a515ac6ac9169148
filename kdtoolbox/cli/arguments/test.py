"""Evaluate a student: from a training checkpoint or an exported one."""

import argparse

from kdtoolbox.config_files.command_line import check_config
from kdtoolbox.safe_files import check_there, check_writable

# What --eval knows -> the metric; 'confusion' writes <work dir>/confusion.json and .png.
EVALUATIONS = {
    'accuracy': 'QueryAccuracy',
    'retrieval': 'ClipRetrieval',
    'knn': 'KNNAccuracy',
    'linear': 'LinearProbeAccuracy',
    'agreement': 'TeacherAgreement',
    'calibration': 'Calibration',
    'confusion': 'QueryConfusion',
}

EXAMPLE = 'kdtoolbox test kd_r2d_to_r3d_hmdb51 student.pth --eval retrieval linear --out metrics.json'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('checkpoint', help='a checkpoint of training, or a student exported from one')
    parser.add_argument(
        '--eval',
        nargs='+',
        metavar='NAME',
        help=f'what to measure, instead of test_evaluator in the config: {", ".join(EVALUATIONS)}',
    )
    parser.add_argument('--neighbours', type=int, metavar='N', help='number of neighbours in --eval knn (default 200)')
    parser.add_argument('--out', help='also write the metrics to this file, as JSON, with the checkpoint')


def check_first(args: argparse.Namespace) -> None:
    """Refuse what cannot be meant, before torch is imported."""
    check_writable(args.out)
    check_config(args)
    check_there(args.checkpoint, what='checkpoint')
