"""Imports whatever a training, a test or a command imports, for the server that tests' processes are forked from.

Here as in conftest.py shortcuts are taken.
"""

import gc

import matplotlib.pyplot  # noqa: F401
import pytest
import torch._dynamo  # noqa: F401
import torchvision  # noqa: F401

import kdtoolbox.registry
import kdtoolbox.runner.testing
import kdtoolbox.runner.training
import tests.two_processes  # noqa: F401
from tests.shortcuts import take

for one in vars(kdtoolbox.registry).values():
    if isinstance(one, kdtoolbox.registry.Registry):
        one.import_from_location()

take(pytest.MonkeyPatch())
gc.freeze()  # so that no process has to look at what was here before it
