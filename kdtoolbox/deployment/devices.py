"""The device that a student runs on."""

import torch
from mmengine.device import get_device


def usable_device(name: str | None) -> str:
    """The device of this name, the best that is there for None.

    Raises:
        ValueError: PyTorch does not know it, or cannot use it here.
    """
    if name is None:
        return get_device()
    try:
        torch.zeros(1, device=name)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).strip().partition('\n')[0]
        raise ValueError(
            f'the device {name!r} cannot be used: {reason}. Name cpu, or none for the best that is there, which is '
            f'{get_device()}'
        ) from error
    return name
