"""The config that a command runs: read, and overridden by the command line."""

import argparse
from collections.abc import Mapping, MutableMapping
from pathlib import Path

from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import set_random_seed

from kdtoolbox.config_files.finding import find_config
from kdtoolbox.config_files.keys import refuse_unknown_keys, unknown_section
from kdtoolbox.config_files.known_keys import RUN_SETTINGS
from kdtoolbox.config_files.reading import import_custom_modules, read_config
from kdtoolbox.config_files.student_size import STUDENT_SIZE, follow_student_size
from kdtoolbox.datasets.clip_dataset import ClipDataset
from kdtoolbox.engine.console import quiet_log
from kdtoolbox.registry import DATASETS


def load_config(args: argparse.Namespace) -> Config:
    """Read the config and apply the arguments of :func:`add_config_arguments` to it.

    Raises:
        ValueError: see :func:`read_config`, :func:`merge_options` and :func:`refuse_unknown_keys`.
    """
    config = read_config(find_config(args.config), safe=args.safe_config)
    if args.cfg_options is not None:
        merge_options(config, args.cfg_options)
    config.launcher = args.launcher
    if args.work_dir is not None:
        config.work_dir = args.work_dir
    elif config.get('work_dir') is None:
        config.work_dir = str(Path('work_dirs') / Path(args.config).stem)
    if args.seed is not None:
        config.randomness = {**config.get('randomness', {}), 'seed': args.seed}
    refuse_unknown_keys(config)
    keep_no_workers(config)
    return config


def keep_no_workers(config: Config) -> None:
    """Have loaders without workers keep none from epoch to epoch, and prefetch nothing, which torch refuses."""
    for name in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        loader = config.get(name)
        if isinstance(loader, Mapping) and not loader.get('num_workers'):
            if loader.get('persistent_workers'):
                config[name].persistent_workers = False
            config[name].pop('prefetch_factor', None)


def merge_options(config: Config, options: Mapping) -> None:
    """Apply ``--cfg-options``, and import what they add to ``custom_imports``.

    Another size of the student's view changes the clips of validation and test too, see :func:`follow_student_size`;
    options that say something else of their pipelines come after that.

    Raises:
        ValueError: an option would change nothing, goes through what is no section, or a module does not import.
    """
    refuse_spent_options(config, options)
    for key in options:
        if key.split('.')[0] not in RUN_SETTINGS | config.keys():
            raise ValueError(unknown_section(key, config))
    try:
        if STUDENT_SIZE in options:
            config.merge_from_dict({STUDENT_SIZE: options[STUDENT_SIZE]})
            follow_student_size(config)
        config.merge_from_dict(dict(options))
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise ValueError(
            f'--cfg-options {" ".join(options)}: one of them leads to no place in the config: {error}'
        ) from error
    if any(key.split('.')[0] == 'custom_imports' for key in options):
        if not isinstance(config.custom_imports, Mapping):
            raise ValueError(
                f'--cfg-options custom_imports={config.custom_imports}: it has a list of modules, write '
                f'custom_imports.imports={config.custom_imports}'
            )
        import_custom_modules(config.custom_imports)


def refuse_spent_options(config: Config, options: Mapping) -> None:
    """Refuse to override a knob of the config file: what is made from it was made while the file was read.

    Raises:
        ValueError: names the settings that have the knob's value, to be overridden instead.
    """
    leaves = dict(_leaves(config.to_dict()))
    for key in options:
        first = key.split('.')[0]
        if first not in config or first in RUN_SETTINGS:
            continue
        places = [
            path
            for path, value in leaves.items()
            if path.split('.')[0] in RUN_SETTINGS and _is_same(value, leaves.get(key, config[first]))
        ]
        raise ValueError(
            f'--cfg-options {key}=… would change nothing: {key} is only used while the config file is read. '
            f'Override what is made from it; these have its value: {", ".join(places) or "none"}'
        )


def _is_same(one: object, two: object) -> bool:
    """Equal, and of one type: True is 1 otherwise."""
    return type(one) is type(two) and one == two


def prepare_to_look(config: Config, log_name: str) -> int:
    """What a run does before it builds anything: scope, log, seed; for commands that build a model without a runner.

    Args:
        log_name: of the log, in which only warnings are.

    Returns:
        The seed.
    """
    init_default_scope(config.get('default_scope', 'kdtoolbox'))
    quiet_log(log_name)
    seed = (config.get('randomness') or {}).get('seed') or 0
    set_random_seed(seed)
    seed_datasets(config)
    return seed


def seed_datasets(config: Config) -> None:
    """Set the run's seed in the data sets that have a ``seed`` and none in their config."""
    seed = (config.get('randomness') or {}).get('seed')
    for name in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        pending = [(config.get(name) or {}).get('dataset')]
        while seed is not None and pending:
            dataset = pending.pop()
            if not isinstance(dataset, MutableMapping):
                continue
            pending += [*dataset.get('datasets', ()), dataset.get('dataset')]
            kind = DATASETS.get(dataset['type'])
            if isinstance(kind, type) and issubclass(kind, ClipDataset):
                dataset.setdefault('seed', seed)


def _leaves(value, path: str = ''):
    items = (
        value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, (list, tuple)) else ()
    )
    for key, item in items:
        yield from _leaves(item, f'{path}.{key}' if path else str(key))
    if not items and path:
        yield path, value
