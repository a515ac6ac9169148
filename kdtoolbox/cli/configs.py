"""Finding, reading and adjusting configs, the same way for every command."""

import argparse
import importlib.util
from pathlib import Path

from mmengine.config import Config, DictAction

PACKAGED_CONFIGS = 'kdtoolbox.configs'


def add_config_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments that every command over a config has."""
    parser.add_argument('config', help='a config file, or the name of one that came with kdtoolbox')
    parser.add_argument('--work-dir', help='folder for logs and checkpoints; default work_dirs/<config name>')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, metavar='KEY=VALUE',
                        help='override settings, e.g. train_dataloader.batch_size=8 model.teacher.weights=FILE')
    parser.add_argument('--seed', type=int, help="random seed; default the config's")
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none')
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0, help=argparse.SUPPRESS)


def load_config(args: argparse.Namespace) -> Config:
    """Read the config and apply the arguments of :func:`add_config_arguments` to it."""
    config = Config.fromfile(find_config(args.config))
    if args.cfg_options is not None:
        config.merge_from_dict(args.cfg_options)
    config.launcher = args.launcher
    if args.work_dir is not None:
        config.work_dir = args.work_dir
    elif config.get('work_dir') is None:
        config.work_dir = str(Path('work_dirs') / Path(args.config).stem)
    if args.seed is not None:
        config.randomness = {**config.get('randomness', {}), 'seed': args.seed}
    return config


def find_config(name: str) -> Path:
    """The file of a config, from the working directory or from those packaged with kdtoolbox.

    Raises:
        ValueError: there is none of that name.
    """
    places = [Path(name), *(folder / Path(name).relative_to('configs') if Path(name).is_relative_to('configs')
                            else folder / name for folder in packaged_config_folders())]
    for place in places:
        for file in (place, place.with_name(f'{place.name}.py')):
            if file.is_file():
                return file
    raise ValueError(f'config {name!r}: no such file. Looked for {", ".join(map(str, places))}')


def packaged_config_folders() -> list[Path]:
    """Where the packaged configs lie: inside the installed package, or ``configs/`` of the checkout."""
    spec = importlib.util.find_spec(PACKAGED_CONFIGS)
    installed = [Path(place) for place in (spec.submodule_search_locations or [])] if spec else []
    checkout = Path(__file__).parents[2] / 'configs'
    return installed + ([checkout] if checkout.is_dir() and checkout not in installed else [])
