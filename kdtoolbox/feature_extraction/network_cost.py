"""What a network costs: parameters, operations and time for one clip."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn

from kdtoolbox.inspection.operations import count_operations

NUM_WARM_UP, NUM_TIMED = 2, 7


@dataclass(frozen=True)
class NetworkCost:
    """The cost of one clip.

    Args:
        parameters: number of them.
        operations: multiplications with an addition (MACs) of matrix products and convolutions.
        milliseconds: median time of a forward pass of one clip.
        input_shape: of the clip, such as (1, 3, 16, 112, 112).
        device: on which it was timed, with the number of threads.
    """

    parameters: int
    operations: int
    milliseconds: float
    input_shape: tuple[int, ...]
    device: str

    def as_plain(self) -> dict:
        """As values of JSON."""
        return {**asdict(self), 'input_shape': list(self.input_shape)}


@torch.no_grad()
def cost_of(network: nn.Module, inputs: Tensor, run: Callable[[Tensor], object]) -> NetworkCost:
    """Count and time ``run(inputs)``, which runs ``network`` on one clip.

    A multiplication with an addition is one operation, as papers on networks count.
    """
    operations = count_operations(lambda: run(inputs))
    seconds = []
    for number in range(NUM_WARM_UP + NUM_TIMED):
        _wait_for(inputs.device)
        start = time.perf_counter()
        run(inputs)
        _wait_for(inputs.device)
        if number >= NUM_WARM_UP:
            seconds.append(time.perf_counter() - start)
    return NetworkCost(
        sum(parameter.numel() for parameter in network.parameters()),
        operations,
        1000 * sorted(seconds)[len(seconds) // 2],
        tuple(inputs.shape),
        _device_name(inputs.device),
    )


def _wait_for(device: torch.device) -> None:
    if device.type == 'cuda':
        torch.cuda.synchronize(device)


def _device_name(device: torch.device) -> str:
    if device.type == 'cuda':
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    return f'CPU, {threads} thread{"s" if threads > 1 else ""}'
