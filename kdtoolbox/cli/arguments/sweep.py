"""Train a config with several values of its settings, and compare what came out."""

import argparse
import re

from kdtoolbox.cli.arguments.student import at_least_one
from kdtoolbox.config_files.command_line import add_override_argument, add_safe_config_argument, check_config

EXAMPLE = 'kdtoolbox sweep kd_r2d_to_r3d_hmdb51 --set optim_wrapper.optimizer.lr=0.01,0.1 --set randomness.seed=0,1'
GOALS = ('max', 'min')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('config', help='a config file, or the name of one that came with kdtoolbox')
    parser.add_argument(
        '--set',
        dest='choices',
        action='append',
        required=True,
        metavar='KEY=A,B,C',
        help='a setting and its values; given several times, all combinations are trained. With --optuna also '
        'KEY=LOW..HIGH, or KEY=log:LOW..HIGH',
    )
    parser.add_argument('--work-dir', help='folder of all runs; default work_dirs/<config name>_sweep')
    add_override_argument(parser, 'override settings of all runs')
    parser.add_argument(
        '--metric', metavar='KEY', help='that the table is sorted by (default that of save_best, or else the first)'
    )
    parser.add_argument('--goal', choices=GOALS, help='the best is the largest or the smallest (default max)')
    parser.add_argument(
        '--optuna',
        type=at_least_one,
        metavar='N',
        help="let Optuna choose N runs instead of all combinations (pip install 'kdtoolbox[sweep]')",
    )
    parser.add_argument('--no-report', action='store_true', help='do not write the report that compares the runs')
    add_safe_config_argument(parser)


def check_first(args: argparse.Namespace) -> None:
    """Refuse what cannot be meant, before torch is imported."""
    check_config(args)
    for choice in args.choices:
        key, equals, values = choice.partition('=')
        if not re.fullmatch(r'[\w.]+', key) or not equals or not values:
            raise ValueError(f'--set {choice}: expected KEY=A,B,C')
        if '..' in values and not args.optuna:
            raise ValueError(f'--set {choice}: a range is for --optuna N; else give the values, KEY=A,B,C')
