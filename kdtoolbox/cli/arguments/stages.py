"""Train a chain of experiments, each learning from the ones before; goes on where it stopped."""

import argparse

from kdtoolbox.config_files.command_line import add_override_argument, add_safe_config_argument
from kdtoolbox.config_files.finding import find_config

EXAMPLE = 'kdtoolbox stages stages/born_again_r3d_hmdb51 --work-dir work_dirs/born_again'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('plan', help='file with the list of stages')
    parser.add_argument('--work-dir', help='folder of all stages; default work_dirs/<plan name>')
    add_override_argument(
        parser, 'override settings of all stages, or with a name and a colon of one: second:train_cfg.max_epochs=10'
    )
    add_safe_config_argument(parser)
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none')
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0, help=argparse.SUPPRESS)


def check_first(args: argparse.Namespace) -> None:
    """Refuse what cannot be meant, before torch is imported."""
    find_config(args.plan)
