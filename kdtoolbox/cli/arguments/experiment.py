"""Run an experiment from a YAML file, in the schema of the original code or as an mmengine config."""

import argparse

from kdtoolbox.config_files.command_line import add_override_argument, add_safe_config_argument
from kdtoolbox.config_files.finding import find_config

EXAMPLE = 'kdtoolbox experiment --config configs/yaml/simple.yml --print-config'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--config', required=True, help='the experiment, such as configs/yaml/simple.yml')
    parser.add_argument('--datasets', default='configs/datasets.yml', help='file with the paths of the data sets')
    parser.add_argument('--work-dir', help='folder for logs and checkpoints; default exp_path/exp_id')
    add_override_argument(parser, 'override settings of the mmengine config that --print-config shows')
    parser.add_argument('--print-config', action='store_true', help='only print the mmengine config')
    add_safe_config_argument(parser)
    parser.add_argument('--launcher', choices=['none', 'pytorch'], default='none')
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0, help=argparse.SUPPRESS)


def check_first(args: argparse.Namespace) -> None:
    """Refuse what cannot be meant, before torch is imported."""
    find_config(args.config)
