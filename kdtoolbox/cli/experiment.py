"""Run an experiment from a YAML file, in the schema of the original code or as an mmengine config."""

import argparse
import contextlib
import logging
import os
import secrets
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from mmengine.config import Config
from mmengine.logging import print_log

from kdtoolbox.config_files.finding import find_config, packaged_config_folders
from kdtoolbox.config_files.overriding import load_config, merge_options
from kdtoolbox.runner.testing import test_student
from kdtoolbox.runner.training import train
from kdtoolbox.yaml_experiments import checked_datasets, checked_experiment, is_experiment, read_yaml, translate
from kdtoolbox.yaml_experiments.devices import check_processes, use_only

TEMPLATES = {
    'c3d': 'distinit_r2d_to_c3d_ucf101.py',
    'r3d': 'distinit_r2d_to_r3d_ucf101.py',
    'r21d': 'distinit_r2d_to_r2plus1d_ucf101.py',
}


def run(args: argparse.Namespace) -> int:
    with contextlib.redirect_stdout(sys.stderr):  # where mmengine says what it reads: a printed config stands alone
        config, gpus = _config_and_gpus(args)
    if args.print_config:
        print(config.pretty_text)
        return 0
    if gpus is not None:
        use_only(gpus)
    train_or_test(config, local_rank=args.local_rank)
    return 0


def _config_and_gpus(args: argparse.Namespace) -> tuple[Config, list[int] | None]:
    file = find_config(args.config)
    content = read_yaml(file) if file.suffix in ('.yml', '.yaml') else None
    if content is not None and is_experiment(content):
        experiment = _checked(checked_experiment, content, file)
        return experiment_config(experiment, args), experiment['run']['gpus']
    return load_config(argparse.Namespace(**vars(args), seed=None)), None


def experiment_config(experiment: Mapping, args: argparse.Namespace) -> Config:
    """The mmengine config of a checked experiment, with the arguments applied.

    Raises:
        ValueError: the experiment does not go with the data-sets file, or with the number of processes.
    """
    datasets_file = find_config(args.datasets)
    datasets = _checked(checked_datasets, read_yaml(datasets_file), datasets_file)
    gpus = experiment['run']['gpus']
    # A config is printed for the processes it is to have, without there being any.
    num_processes = max(1, len(gpus))
    if not args.print_config:
        num_processes = check_processes(gpus, launched=_launched(args.launcher), config=args.config)
    content = translate(
        experiment, datasets, template=template_of(experiment['model']['s_arch']), num_processes=num_processes
    )
    # With a name, which logs, the copy of the config in the work directory and rows of results then have.
    config = Config(content, cfg_text=f'# made from {args.config}', filename=f'{Path(args.config).stem}.py')
    if args.cfg_options is not None:
        merge_options(config, args.cfg_options)
    config.launcher = args.launcher
    config.work_dir = args.work_dir or str(_work_dir(experiment['run'], num_processes=num_processes))
    return config


def train_or_test(config: Config, *, local_rank: int = 0) -> None:
    """Train, if the config has data for it, evaluating in between; else evaluate the student of ``load_from``.

    Raises:
        ValueError: the config does neither, or the file to load is not there.
    """
    weights = config.get('load_from')
    if config.get('train_dataloader') is not None:
        train(config, local_rank=local_rank)
        return
    if config.get('test_dataloader') is None:
        raise ValueError('the config has neither train_dataloader nor test_dataloader: there is nothing to do')
    if not weights:
        print_log(
            'The student is evaluated with random weights: the experiment names none (model.s_pretrain_path).',
            'current',
            logging.WARNING,
        )
    test_student(config, weights, local_rank=local_rank)


def template_of(architecture: str) -> dict:
    """The packaged config that an experiment with this student is made from."""
    files = [folder / TEMPLATES[architecture] for folder in packaged_config_folders()]
    return Config.fromfile(next(file for file in files if file.is_file())).to_dict()


def _checked(check: Callable[[Mapping], dict], content: Mapping, file: Path) -> dict:
    try:
        return check(content)
    except ValueError as error:
        raise ValueError(f'{file}: {error}') from error


def _launched(launcher: str) -> int | None:
    if launcher == 'none':
        return None
    if 'WORLD_SIZE' not in os.environ:
        raise ValueError('--launcher pytorch is for processes that torchrun starts, and it did not start this one')
    return int(os.environ['WORLD_SIZE'])


def _work_dir(run_section: Mapping, *, num_processes: int) -> Path:
    if run_section['exp_id'] is None and num_processes > 1:
        raise ValueError('run.exp_id is missing: with several processes give it, so that all of them use the same')
    return Path(run_section['exp_path'], run_section['exp_id'] or secrets.token_hex(4))
