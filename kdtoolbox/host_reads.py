"""What the host knows of tensors on a device, so that it need not wait for the device to tell."""

import torch
from torch import Tensor

_ON_HOST = '_kdtoolbox_on_host'


class HostCopy:
    """A small tensor on its way to the host: the copy is queued at once, and waited for when it is used.

    Work that is queued in between keeps the device busy while the host waits, so the device never runs out of work.

    >>> HostCopy(torch.tensor([True, False])).value()
    tensor([ True, False])
    """

    def __init__(self, tensor: Tensor) -> None:
        self._event: torch.cuda.Event | None = None
        self._tensor = tensor.detach()
        if tensor.is_cuda:
            self._tensor = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
            self._tensor.copy_(tensor.detach(), non_blocking=True)
            self._event = torch.cuda.Event()
            self._event.record()

    def value(self) -> Tensor:
        """The tensor on the CPU; waits for what had been queued before the copy, not for what came after."""
        if self._event is not None:
            self._event.synchronize()
            self._event = None
        return self._tensor.cpu()


def to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """A copy of a CPU tensor on a device, which :func:`known_on_host` knows; the host does not wait for the copy."""
    copy = tensor.to(device, non_blocking=True)
    if copy is not tensor:
        setattr(copy, _ON_HOST, tensor)
    return copy


def known_on_host(tensor: Tensor) -> Tensor | None:
    """The values of a tensor on the CPU, if they are known without asking a device: not for results of computations.

    >>> known_on_host(torch.tensor([1, 2]))
    tensor([1, 2])
    """
    return tensor if tensor.device.type == 'cpu' else getattr(tensor, _ON_HOST, None)


def on_host(tensor: Tensor) -> Tensor:
    """The values of a tensor on the CPU; waits for the device if they are not known."""
    known = known_on_host(tensor)
    return tensor.cpu() if known is None else known


def inverted(mask: Tensor) -> Tensor:
    """``~mask``, known on the host if the mask is."""
    known = known_on_host(mask)
    return ~mask if known is None else to_device(~known, mask.device)


def rows_of(tensor: Tensor, places: Tensor) -> Tensor:
    """Some rows of a tensor, known on the host if all of them are.

    Args:
        tensor: (N, ...).
        places: (M,) on the CPU, of the rows in their order.

    >>> rows_of(torch.tensor([4, 5, 6]), torch.tensor([0, 2]))
    tensor([4, 6])
    """
    known = known_on_host(tensor)
    if known is not None:
        return to_device(known[places], tensor.device)
    return tensor[to_device(places, tensor.device)]
