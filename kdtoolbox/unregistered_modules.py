"""Modules that are used by another module, but are no submodules of it."""

from collections.abc import Mapping

from torch import nn


class UnregisteredModules:
    """Holds modules without registering them as submodules of the module that holds it.

    They are in no ``parameters()``, ``state_dict()``, optimizer or DDP bucket. A deep copy of the owner, such as
    EMAHook makes, shares them.
    """

    def __init__(self, modules: Mapping[str, nn.Module]) -> None:
        self.modules = dict(modules)

    def __deepcopy__(self, memo: dict) -> 'UnregisteredModules':
        return self
