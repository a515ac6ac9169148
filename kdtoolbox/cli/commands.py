"""The table of the commands, by task."""

import ast
import importlib.util
from dataclasses import dataclass
from functools import cached_property

GROUPS = {
    'prepare': 'Prepare data and teachers',
    'train': 'Train students',
    'look': 'Look before training',
    'evaluate': 'Evaluate students',
    'use': 'Use what was trained, extend and set up the toolbox',
}


@dataclass(frozen=True)
class Command:
    """A sub-command.

    Args:
        group: one of :data:`GROUPS`.
        module: its ``run(args)`` does the work; its docstring is the description.
        arguments: the module of its ``add_arguments(parser)`` and ``EXAMPLE``, which must not import torch; the same
            module if not given.
        over_config: its first argument is a config; has the arguments of
            :func:`~kdtoolbox.config_files.command_line.add_config_arguments`.
        is_long: it runs for long and tells how far it is: has ``-v`` and ``-q``.
    """

    group: str
    module: str
    arguments: str | None = None
    over_config: bool = False
    is_long: bool = False

    @cached_property
    def description(self) -> str:
        """The docstring of the module, which is not imported for it."""
        source = importlib.util.find_spec(self.module)
        assert source is not None and source.origin is not None, self.module
        with open(source.origin, encoding='utf-8') as file:
            return ast.get_docstring(ast.parse(file.read())) or ''

    @property
    def summary(self) -> str:
        """The first line of the description."""
        return self.description.partition('\n')[0].rstrip('.')


# Task -> its commands, in the order of the help. The module of a command is called as it is, but that of "list".
NAMES = {
    'prepare': ('prepare', 'fit-probe', 'texts', 'cache'),
    'train': ('distill', 'train', 'stages', 'sweep', 'experiment', 'demo'),
    'look': ('list', 'configs', 'doctor', 'data', 'browse', 'profile', 'env'),
    'evaluate': ('test', 'extract-features', 'evaluate-features', 'results', 'reproduce', 'report'),
    'use': ('predict', 'embed', 'search', 'export', 'export-student', 'new', 'completion'),
}
# The others import torch, so that their arguments are in modules of their own.
WITHOUT_TORCH = {'prepare', 'list', 'configs', 'env', 'new', 'completion'}
OVER_A_CONFIG = {'fit-probe', 'train', 'doctor', 'data', 'browse', 'test', 'extract-features'}
LONG = {
    'fit-probe',
    'cache',
    'distill',
    'train',
    'stages',
    'sweep',
    'experiment',
    'demo',
    'data',
    'test',
    'extract-features',
    'reproduce',
    'report',
    'predict',
    'embed',
}


def _command(group: str, name: str) -> Command:
    module = 'catalogue' if name == 'list' else name.replace('-', '_')
    return Command(
        group,
        f'kdtoolbox.cli.{module}',
        None if name in WITHOUT_TORCH else f'kdtoolbox.cli.arguments.{module}',
        over_config=name in OVER_A_CONFIG,
        is_long=name in LONG,
    )


COMMANDS = {name: _command(group, name) for group, names in NAMES.items() for name in names}
