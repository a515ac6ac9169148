"""Counting what a network computes."""

from collections.abc import Callable

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode


def count_operations(run: Callable[[], object]) -> int:
    """Multiplications with an addition of ``run()``; PyTorch's counter counts each as two.

    Attention is computed as products of matrices meanwhile: the counter has no formula for some of the kernels that do
    it at once, on a CPU for instance, and counts nothing for them.
    """
    was_enabled = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
            run()
    finally:
        torch.backends.mha.set_fastpath_enabled(was_enabled)
    return counter.get_total_flops() // 2
