"""ONNX Runtime for tests, which skip where it or a torch that exports to it is missing."""

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

from kdtoolbox.deployment.onnx_files import require_onnx_runtime, save_onnx


def onnx_runtime_or_skip() -> ModuleType:
    """The module onnxruntime."""
    try:
        found = require_onnx_runtime()
    except ValueError as error:
        pytest.skip(str(error))
    operators_are_listed_once()
    return found


def can_export() -> bool:
    """Whether ONNX Runtime and a torch that exports to it are there."""
    try:
        require_onnx_runtime()
    except ValueError:
        return False
    return True


@cache
def operators_are_listed_once() -> None:
    """torch makes its list of ONNX operators, the same each time, in about a second for every export."""
    try:
        from torch.onnx._internal.exporter._registration import ONNXRegistry
    except ImportError:  # of another torch
        return
    if hasattr(ONNXRegistry, 'from_torchlib'):
        ONNXRegistry.from_torchlib = staticmethod(cache(ONNXRegistry.from_torchlib))


def exporting_once(folder: Path) -> Callable:
    """``save_onnx`` that exports a network of the same weights once, and then gives the file that it kept."""
    kept = {}

    def save(network, file, example, **options):
        sums = tuple(value.double().sum().item() for value in network.state_dict().values())
        key = sums, tuple(example.shape), repr(options)
        if key not in kept:
            save_onnx(network, file, example, **options)
            kept[key] = folder / f'{len(kept)}.onnx'
            os.link(file, kept[key])
        else:
            os.link(kept[key], file)

    return save
