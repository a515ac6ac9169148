"""Reading configs, for all commands; without torch, unless a config is YAML or JSON or imports it."""

from collections.abc import Mapping
from pathlib import Path

from mmengine.config import Config
from mmengine.config import config as config_module
from mmengine.logging import print_log
from mmengine.utils import import_modules_from_strings

from kdtoolbox.config_files.data_configs import data_config_files
from kdtoolbox.config_files.finding import packaged_config_folders
from kdtoolbox.config_files.student_size import follow_student_size
from kdtoolbox.yaml_experiments import is_experiment, read_yaml  # with it, mmengine reads YAML safely


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
    if data:
        from kdtoolbox.config_files.registered_types import refuse_unregistered  # imports torch and mmaction2
    for part, content in data:
        refuse_unregistered(content, what=f'config {part}')
    if is_yaml:
        config = Config(_with_tuples(config.to_dict()), filename=str(file))
    follow_student_size(config)
    return config


def _print_log(message: str, *args, **options) -> None:
    """mmengine's, but for the line on each environment variable, which comes twice and imports torch to be printed."""
    if not message.startswith('Using env variable'):
        print_log(message, *args, **options)


config_module.print_log = _print_log


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
