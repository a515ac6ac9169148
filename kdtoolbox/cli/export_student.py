"""Write the student of a training checkpoint as a plain mmaction2 checkpoint."""

import argparse
from collections.abc import Sequence
from importlib import import_module

from kdtoolbox.deployment.mmaction2_student import HEADER, export_student

__all__ = ['HEADER', 'export_student', 'import_all', 'run']


def run(args: argparse.Namespace) -> int:
    import_all(args.imports)
    files = export_student(args.checkpoint, args.out, imports=args.imports)
    print('wrote ' + ' and '.join(map(str, files)))
    return 0


def import_all(modules: Sequence[str]) -> None:
    """Import the modules of ``--imports``, which register classes of one's own.

    Raises:
        ValueError: one is not there.
    """
    for module in modules:
        try:
            import_module(module)
        except ModuleNotFoundError as error:
            raise ValueError(f'--imports {module}: {error}') from error
