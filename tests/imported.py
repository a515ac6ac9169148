"""Imports whatever a training, a test or a command imports, for the server that tests' processes are forked from.

Here as in conftest.py the text of a config is not laid out by yapf.
"""

import gc

import matplotlib.pyplot  # noqa: F401
import torch._dynamo  # noqa: F401
import torchvision  # noqa: F401

import kdtoolbox.registry
import kdtoolbox.runner.testing
import kdtoolbox.runner.training
from kdtoolbox.engine import compat

for one in vars(kdtoolbox.registry).values():
    if isinstance(one, kdtoolbox.registry.Registry):
        one.import_from_location()

compat._format = lambda code, **_: (code, False)
gc.freeze()  # so that no process has to look at what was here before it
