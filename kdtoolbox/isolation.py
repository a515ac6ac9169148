"""Trial runs before training that leave the training unchanged."""

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
    """Restore the random states of torch (CPU and current GPU), numpy and Python at the end."""
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
    """Hide the log messages of a trial run, except errors."""
    logger = MMLogger.get_current_instance()
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def copy_to_try(model: nn.Module) -> nn.Module:
    """A copy of everything with parameters or statistics that training changes; frozen teachers are shared."""
    return copy.deepcopy(model)
