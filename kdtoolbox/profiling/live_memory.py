"""How much memory tensors take while a network runs."""

import weakref
from collections.abc import Iterable

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class LiveMemory(TorchDispatchMode):
    """Counts the bytes of tensors that are alive at a time, on any device, inside of ``with``.

    It sees what operators take and give, not the buffers that they use inside.

    Args:
        tensors: alive from the start, such as weights.

    Attributes:
        peak_bytes: the most at a time.

    >>> import torch
    >>> with LiveMemory([]) as memory:
    ...     kept = torch.zeros(1000)  # of 4 bytes each
    ...     for _ in range(3):
    ...         kept = kept + 1  # two are alive while one is made from the other
    >>> memory.peak_bytes
    8000
    """

    def __init__(self, tensors: Iterable[Tensor]) -> None:
        super().__init__()
        self.peak_bytes = self._live = 0
        self._known: set[int] = set()
        for tensor in tensors:
            self._add(tensor)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        answer = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(answer):
            if isinstance(leaf, Tensor):
                self._add(leaf)
        return answer

    def _add(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        if id(storage) in self._known:
            return
        self._known.add(id(storage))
        size = storage.nbytes()
        weakref.finalize(storage, self._free, id(storage), size).atexit = False
        self._live += size
        self.peak_bytes = max(self.peak_bytes, self._live)

    def _free(self, key: int, size: int) -> None:
        self._known.discard(key)
        self._live -= size
