"""Holding modules without owning them."""

from collections.abc import Mapping

from torch import nn


class UnregisteredModules:
    """Holds modules without making them part of the module that has it.

    What is in here is in no ``parameters()``, ``state_dict()``, optimizer or DDP bucket, and a deep copy of the owner
    (the EMA hook makes one) shares it.
    """

    def __init__(self, modules: Mapping[str, nn.Module]) -> None:
        self.modules = dict(modules)

    def __deepcopy__(self, memo: dict) -> 'UnregisteredModules':
        return self
