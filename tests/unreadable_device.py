"""A device that the host cannot read, for tests that a training step never waits for its device.

Tensors on torch's ``meta`` device have shapes and no values. Whatever asks one for a value (``item``, ``tolist``,
``nonzero``, a copy to the CPU, a boolean index, a condition) raises. On a GPU the same code would work, but the host
would wait until the GPU has computed the value. So a step that runs on ``meta`` is one that never waits. Copies to the
device must be queued (``non_blocking``), since the host waits for others: :class:`Waits` records these.
"""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from unittest import mock

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

DEVICE = torch.device('meta')
READS = {'_local_scalar_dense', 'nonzero', 'is_nonzero', 'item', '_unique2', 'unique_dim', 'masked_select', 'equal'}
INDEXING = {'index', 'index_put', 'index_put_'}
MAKERS = {'tensor', 'as_tensor', 'new_tensor'}  # of values of the host


class Waits(TorchDispatchMode):
    """Records where the host would wait for :data:`DEVICE`; ``found`` has a line for each place."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name = func.overloadpacket.__name__
        tensors = [one for one in args if isinstance(one, Tensor)]
        reads = name in READS
        if name in INDEXING:
            tensors += (places := [one for one in args[1] if one is not None])
            reads = any(one.dtype == torch.bool for one in places)  # how many are True is a matter of shapes
        devices = {one.device for one in tensors} | ({kwargs['device']} if kwargs.get('device') else set())
        copies = name in {'_to_copy', 'copy_', *INDEXING} and len(devices) > 1
        queued = kwargs.get('non_blocking') or (len(args) > 2 and args[2] is True)
        if DEVICE in devices and (reads or (copies and not (queued and tensors[-1].device != DEVICE))):
            self.record(name)
        return func(*args, **kwargs)

    def record(self, name: str) -> None:
        """Note the line of the toolbox, mmengine or mmaction2 that is running."""
        frames = [one for one in traceback.extract_stack()[:-2] if '/torch/' not in one.filename]
        inside = [
            one for one in frames if any(part in one.filename for part in ('/kdtoolbox/', '/mmengine/', '/mmaction/'))
        ]
        last = (inside or frames)[-1]
        self.found.append(f'{name} in {last.filename.rpartition("/")[2]}:{last.lineno}: {last.line}')


class Makers(TorchFunctionMode):
    """Records tensors that are made on :data:`DEVICE` from values of the host, which the host copies and waits for."""

    def __init__(self, waits: Waits) -> None:
        super().__init__()
        self.waits = waits

    def __torch_function__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        if getattr(func, '__name__', '') in MAKERS and made.device == DEVICE:
            self.waits.record(func.__name__)
        return made


@contextmanager
def unreadable() -> Iterator[Waits]:
    """Within the block, waits for :data:`DEVICE` are recorded, and those that need a value raise besides."""
    plain = torch.autocast

    def autocast(device_type: str, *args, **options):
        return nullcontext() if device_type == DEVICE.type else plain(device_type, *args, **options)

    with mock.patch.object(torch, 'autocast', autocast), Waits() as waits, Makers(waits):
        yield waits
