"""A network in a Python file of one's own, named as 'FILE.py:Class'."""

import sys
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from kdtoolbox.config_files.registered_types import known_names
from kdtoolbox.registry import MODELS


@dataclass(frozen=True)
class OwnFile:
    """A Python file with a class of one's own.

    Args:
        folder: that it is in, for Python's path.
        module: its name without the suffix.
    """

    folder: str
    module: str


def import_own(spec: str) -> tuple[OwnFile | None, str]:
    """Import the file of 'FILE.py:Class'; gives it and the class, or None and the spec where it is none.

    Raises:
        ValueError: there is no such file or class in it, or the class is not registered.
    """
    name, colon, kind = spec.rpartition(':')
    if not colon or not name.endswith('.py'):
        if spec.endswith('.py'):
            raise ValueError(f'{spec}: name the class in it too: {spec}:MyNetwork')
        return None, spec
    file = Path(name).expanduser().absolute()
    if not file.is_file():
        raise ValueError(f'{name}: no such file')
    if str(file.parent) not in sys.path:
        sys.path.insert(0, str(file.parent))
    module = import_module(file.stem)
    if Path(module.__file__ or '').resolve() != file.resolve():
        raise ValueError(f'{name}: Python has another module called {file.stem}: rename the file')
    if not hasattr(module, kind):
        raise ValueError(f'{name} has no class {kind!r}')
    if not is_registered(kind):
        raise ValueError(
            f'{name}: {kind} is not registered: add "from kdtoolbox.registry import MODELS" and '
            f'@MODELS.register_module() above "class {kind}"'
        )
    return OwnFile(str(file.parent), file.stem), kind


def is_registered(name: str) -> bool:
    """Whether it is the name of a registered class."""
    return name.isidentifier() and name in known_names(MODELS)
