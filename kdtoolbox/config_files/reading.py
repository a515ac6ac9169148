"""Finding, reading and overriding configs, for all commands."""

import argparse
import re
from collections.abc import Mapping, MutableMapping
from pathlib import Path

from mmengine.config import Config, DictAction
from mmengine.utils import import_modules_from_strings

from kdtoolbox.config_files.data_configs import data_config_files, refuse_unregistered
from kdtoolbox.config_files.finding import find_config, packaged_config_folders
from kdtoolbox.config_files.keys import refuse_unknown_keys, unknown_section
from kdtoolbox.config_files.known_keys import RUN_SETTINGS
from kdtoolbox.config_files.student_size import STUDENT_SIZE, follow_student_size
from kdtoolbox.datasets.clip_dataset import ClipDataset
from kdtoolbox.registry import DATASETS
from kdtoolbox.yaml_experiments import is_experiment, read_yaml  # with it, mmengine reads YAML safely


class ConfigOptions(DictAction):
    """``KEY=VALUE`` as mmengine reads it, but for spaces: those inside a value stay, a path may have them."""

    @staticmethod
    def _parse_iterable(val: str):
        if not (',' in val or val[:1] in ('[', '(')):
            return DictAction._parse_int_float_bool(val.strip('\'"'))
        # mmengine drops every space; here only those around brackets and commas, and the others are put back.
        kept = re.sub(r'\s*([\[\](),])\s*', r'\1', val.strip()).replace(' ', _SPACE)
        try:
            return _with_spaces(DictAction._parse_iterable(kept))
        except (RecursionError, AssertionError) as error:  # mmengine's, of a call in a list and of unequal brackets
            raise argparse.ArgumentError(
                None,
                f'--cfg-options …={val}: expected a value, or values in [] or (), all closed; '
                'what is a dict has its keys set one by one, such as test_evaluator.0.topk=[1,5]',
            ) from error


_SPACE = '\ue000'  # of Unicode's private use, so in no path


def _with_spaces(value):
    if isinstance(value, (list, tuple)):
        return type(value)(_with_spaces(item) for item in value)
    return value.replace(_SPACE, ' ') if isinstance(value, str) else value


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
    return config


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


def import_custom_modules(custom_imports: Mapping | None) -> None:
    """Import the modules of a config's ``custom_imports``, as mmengine does while it reads a file.

    Raises:
        ValueError: one does not import.
    """
    modules = (custom_imports or {}).get('imports')
    allow_failed = (custom_imports or {}).get('allow_failed_imports', False)
    try:
        import_modules_from_strings([modules] if isinstance(modules, str) else list(modules or ()), allow_failed)
    except ImportError as error:
        raise ValueError(_import_failed(error)) from error


def _import_failed(error: ImportError) -> str:
    """What a module of custom_imports lacks: itself, or something that it imports."""
    reason: BaseException = error
    while inner := reason.__cause__ or reason.__context__:
        reason = inner
    return (
        f'custom_imports: {reason}. Modules are looked for where Python looks: name one that is installed, or the '
        'folder it is in, PYTHONPATH=FOLDER kdtoolbox …'
    )


def read_config(file: Path, *, safe: bool = False) -> Config:
    """An mmengine config, as Python, YAML or JSON; its validation clips are of the student's size.

    Args:
        safe: read data only, no Python but that of kdtoolbox's own configs.

    Raises:
        ValueError: the file is an experiment in the original schema, a base of it is not there, a module of its
            custom_imports does not import, one of YAML or JSON names a class that no registry has, or ``safe`` forbids
            it.
    """
    is_yaml = file.suffix in ('.yml', '.yaml')
    if is_yaml and is_experiment(read_yaml(file)):
        raise ValueError(
            f'{file} is an experiment in the schema of the original code: run it by python main.py --config '
            f'{file}, or have its config printed first, --print-config > experiment.py'
        )
    data = data_config_files(file, packaged=packaged_config_folders(), safe=safe)
    try:
        config = Config.fromfile(file)
    except FileNotFoundError as error:
        raise ValueError(f'config {file}: one of its _base_ is not there: {error}') from error
    except ImportError as error:
        raise ValueError(f'config {file}: {_import_failed(error)}') from error
    for part, content in data:
        refuse_unregistered(content, what=f'config {part}')
    if is_yaml:
        config = Config(_with_tuples(config.to_dict()), filename=str(file))
    follow_student_size(config)
    return config


def _with_tuples(value, *, in_pipeline: bool = False):
    """A copy with tuples for lists of numbers in pipelines: YAML has none, and mmaction2's transforms ask for them."""
    if isinstance(value, Mapping):
        return {
            key: _with_tuples(item, in_pipeline=in_pipeline or 'pipeline' in str(key)) for key, item in value.items()
        }
    if isinstance(value, list):
        if in_pipeline and value and all(isinstance(item, (int, float)) for item in value):
            return tuple(value)
        return [_with_tuples(item, in_pipeline=in_pipeline) for item in value]
    return value


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
            if path.split('.')[0] in RUN_SETTINGS and value == leaves.get(key, config[first])
        ]
        raise ValueError(
            f'--cfg-options {key}=… would change nothing: {key} is only used while the config file is read. '
            f'Override what is made from it; these have its value: {", ".join(places) or "none"}'
        )


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
