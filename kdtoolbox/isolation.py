"""Trying things out before training, without a trace in it."""

import copy
import logging
import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from mmengine.logging import MMLogger
from torch import nn


@contextmanager
def untouched_randomness() -> Iterator[None]:
    """Put the random states of torch (of the CPU, and of the GPU in use), numpy and Python back afterwards."""
    states = np.random.get_state(), random.getstate()
    in_use = [torch.cuda.current_device()] if torch.cuda.is_available() and torch.cuda.is_initialized() else []
    try:
        with torch.random.fork_rng(devices=in_use):
            yield
    finally:
        np.random.set_state(states[0])
        random.setstate(states[1])


@contextmanager
def quiet_log() -> Iterator[None]:
    """Keep what is tried out from telling the log about itself; errors are still logged."""
    logger = MMLogger.get_current_instance()
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def copy_to_try(model: nn.Module) -> nn.Module:
    """A copy of all that learns or keeps statistics; frozen teachers, which keep none, are shared."""
    return copy.deepcopy(model)
