"""What takes time and changes nothing that tests look at is left out, in their process and in those that are forked."""

import logging
import os
import time
from types import SimpleNamespace

import pytest
import torch
from mmengine.dataset import base_dataset
from mmengine.runner import loops
from mmengine.visualization import Visualizer

from kdtoolbox.engine import compat
from kdtoolbox.feature_extraction import network_cost
from tests.shipped_configs import parse_once


def take(patch: pytest.MonkeyPatch) -> None:
    """Take all of them."""
    # Collections of garbage whenever a data set is built, half a second with all that the tests have imported.
    patch.setattr(base_dataset, 'gc', SimpleNamespace(collect=lambda: 0))
    # yapf lays out the text of a config in about a second, as much as a training of a few steps takes.
    patch.setattr(compat, '_format', lambda code, **_: (code, False))
    patch.setattr(compat.config_module, 'FormatCode', compat._format)
    # No machine loses its power in a test: files need not be on the disk, which takes 5 ms for each.
    patch.setattr(os, 'fsync', lambda file: None)
    # A training by iterations waits two seconds before each further pass over its data.
    patch.setattr(loops, 'time', SimpleNamespace(sleep=lambda seconds: time.sleep(seconds / 100)))
    # A report runs each network ten times for its median time, which no test compares.
    patch.setattr(network_cost, 'NUM_WARM_UP', 0)
    patch.setattr(network_cost, 'NUM_TIMED', 1)
    # torch.manual_seed notes for each kind of device where it was called from: 5 ms, below pytest's many frames.
    for device in (torch.cuda, torch.xpu, torch.mtia):
        if not device.is_available() and hasattr(device, 'manual_seed_all'):  # torch 2.6 has none for the last
            patch.setattr(device, 'manual_seed_all', lambda seed: None)
    # A figure for the visualizer of each Runner, 6 ms, on which hardly any draws: there is one, which set_image clears.
    make, figures = Visualizer._initialize_fig, {}

    def figure_of(visualizer, options):
        key = repr(options)
        if key not in figures:
            figures[key] = make(visualizer, options)
        return figures[key]

    patch.setattr(Visualizer, '_initialize_fig', figure_of)
    # torch's loggers keep from the root what pytest then fetches from each of them, six times a test.
    for logger in logging.getLogger().manager.loggerDict.values():
        if isinstance(logger, logging.Logger) and logger.name.partition('.')[0] == 'torch':
            patch.setattr(logger, 'propagate', True)
    parse_once(patch)
