"""Modules of benchmarks/, found as when their scripts are run."""

import importlib

import pytest

from tests.conftest import REPOSITORY


@pytest.fixture
def benchmark(monkeypatch):
    """Imports benchmarks/<name>.py."""
    monkeypatch.syspath_prepend(str(REPOSITORY / 'benchmarks'))
    return importlib.import_module


@pytest.fixture
def students(monkeypatch):
    """Imports benchmarks/students/<name>.py."""
    monkeypatch.syspath_prepend(str(REPOSITORY / 'benchmarks/students'))
    return importlib.import_module
