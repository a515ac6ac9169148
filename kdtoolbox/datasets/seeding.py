"""Random numbers that depend on sample and epoch only, not on the worker or the order."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


@contextmanager
def seeded(*numbers: int) -> Iterator[None]:
    """Within, the generators of Python, numpy and torch (CPU) start from ``numbers``; after, they are as before.

    >>> def draw():
    ...     with seeded(0, 3, 7):
    ...         return random.random(), np.random.rand(), torch.rand(1).item()
    >>> draw() == draw()
    True
    """
    python_seed, numpy_seed, torch_seed = np.random.SeedSequence(numbers).generate_state(3).tolist()
    before = random.getstate(), np.random.get_state(), torch.default_generator.get_state()
    random.seed(python_seed)
    np.random.seed(numpy_seed)
    torch.default_generator.manual_seed(torch_seed)  # not torch.manual_seed, which would reset the GPUs' too
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])
        torch.default_generator.set_state(before[2])
