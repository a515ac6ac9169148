"""ONNX Runtime for tests, which skip where it or a torch that exports to it is missing."""

from types import ModuleType

import pytest

from kdtoolbox.deployment.onnx_files import require_onnx_runtime


def onnx_runtime_or_skip() -> ModuleType:
    """The module onnxruntime."""
    try:
        return require_onnx_runtime()
    except ValueError as error:
        pytest.skip(str(error))
