"""The table of the commands, by task."""

import ast
import importlib.util
from dataclasses import dataclass

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
        is_long: it runs for long and tells how far it is: has ``-v`` and ``-q``.
    """

    group: str
    module: str
    arguments: str | None = None
    is_long: bool = False

    @property
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


def _heavy(group: str, name: str, *, is_long: bool = False) -> Command:
    """A command that imports torch, whose arguments are therefore in a module of their own."""
    return Command(group, f'kdtoolbox.cli.{name}', f'kdtoolbox.cli.arguments.{name}', is_long)


COMMANDS = {
    'prepare': Command('prepare', 'kdtoolbox.cli.prepare'),
    'fit-probe': _heavy('prepare', 'fit_probe', is_long=True),
    'texts': _heavy('prepare', 'texts'),
    'cache': _heavy('prepare', 'cache', is_long=True),
    'distill': _heavy('train', 'distill', is_long=True),
    'train': _heavy('train', 'train', is_long=True),
    'stages': _heavy('train', 'stages', is_long=True),
    'sweep': _heavy('train', 'sweep', is_long=True),
    'experiment': _heavy('train', 'experiment', is_long=True),
    'demo': _heavy('train', 'demo', is_long=True),
    'list': Command('look', 'kdtoolbox.cli.catalogue'),
    'configs': Command('look', 'kdtoolbox.cli.configs'),
    'doctor': _heavy('look', 'doctor'),
    'data': _heavy('look', 'data', is_long=True),
    'browse': _heavy('look', 'browse'),
    'profile': _heavy('look', 'profile'),
    'env': Command('look', 'kdtoolbox.cli.env'),
    'test': _heavy('evaluate', 'test', is_long=True),
    'extract-features': _heavy('evaluate', 'extract_features', is_long=True),
    'evaluate-features': _heavy('evaluate', 'evaluate_features'),
    'results': _heavy('evaluate', 'results'),
    'reproduce': _heavy('evaluate', 'reproduce', is_long=True),
    'report': _heavy('evaluate', 'report', is_long=True),
    'predict': _heavy('use', 'predict', is_long=True),
    'embed': _heavy('use', 'embed', is_long=True),
    'search': _heavy('use', 'search'),
    'export': _heavy('use', 'export'),
    'export-student': _heavy('use', 'export_student'),
    'new': Command('use', 'kdtoolbox.cli.new'),
    'completion': Command('use', 'kdtoolbox.cli.completion'),
}
