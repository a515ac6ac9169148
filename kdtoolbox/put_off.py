"""Imports of the libraries below that take seconds, for what hardly anybody uses, put off until it is used."""

import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import find_spec
from types import ModuleType

# Module -> what it imports functions or classes from, only to call them; the seconds are of a processor. Drop a line
# when the library does without: the first with mmaction2 > 1.2, the second with mmengine > 0.10.7.
PUT_OFF = {
    'mmaction.datasets.transforms.pose_transforms': 'scipy.stats',  # for the mode of people in skeletons; 1.4 s
    'mmengine.optim.optimizer.builder': 'transformers',  # to register its Adafactor; 1.1 s
}


def put_off_imports() -> None:
    """From now on, the modules of ``PUT_OFF`` are imported without what is named there."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


class _Finder(MetaPathFinder):
    def find_spec(self, fullname, path, target=None) -> ModuleSpec | None:
        if fullname not in PUT_OFF:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and type(spec.loader) is SourceFileLoader:
            spec.loader = _Loader(spec.loader.name, spec.loader.path)
        return spec


class _Loader(SourceFileLoader):
    def exec_module(self, module: ModuleType) -> None:
        with _stand_in_for(PUT_OFF[module.__name__]):
            super().exec_module(module)


@contextmanager
def _stand_in_for(name: str) -> Iterator[None]:
    """Within it, ``from name import function`` gives a function that imports the module when it is called."""
    if name in sys.modules or find_spec(name.partition('.')[0]) is None:
        yield
        return
    stand_in = ModuleType(name)
    stand_in.__getattr__ = lambda attribute: _late(name, attribute)  # type: ignore[method-assign]
    sys.modules[name] = stand_in
    try:
        yield
    finally:
        del sys.modules[name]


def _late(module: str, attribute: str) -> Callable:
    if attribute.startswith('__'):
        raise AttributeError(attribute)

    def call(*arguments, **options):
        return getattr(importlib.import_module(module), attribute)(*arguments, **options)

    call.__name__ = call.__qualname__ = attribute  # what messages name
    return call
