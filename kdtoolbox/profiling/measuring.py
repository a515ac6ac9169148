"""Counting and timing a network in PyTorch and in ONNX Runtime."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.benchmark import Timer

from kdtoolbox.deployment.onnx_files import open_onnx, require_onnx_runtime, save_onnx
from kdtoolbox.inspection.operations import count_operations
from kdtoolbox.profiling.live_memory import LiveMemory
from kdtoolbox.profiling.networks import Measured

PYTORCH, ONNX_RUNTIME = 'PyTorch', 'ONNX Runtime'


@dataclass(frozen=True)
class Speed:
    """The speed of a network in one runtime with one batch size.

    Args:
        runtime: :data:`PYTORCH` or :data:`ONNX_RUNTIME`.
        device: it ran on.
        batch_size: clips at a time.
        milliseconds: median time of a batch.
        clips_per_second: batch size over that time.
        peak_bytes: the most that weights, inputs and outputs of operators take at a time; None where it is not known.
    """

    runtime: str
    device: str
    batch_size: int
    milliseconds: float
    clips_per_second: float
    peak_bytes: int | None


@dataclass(frozen=True)
class Profile:
    """What a network costs.

    Args:
        name: of the network.
        input_shape: for one clip, without the batch.
        parameters: number of them.
        operations: multiplications with an addition (MACs) of matrix products and convolutions, for one clip.
        weight_bytes: of parameters and buffers.
        speeds: by runtime and batch size.
        notes: what could not be measured, and why.
    """

    name: str
    input_shape: tuple[int, ...]
    parameters: int
    operations: int
    weight_bytes: int
    speeds: list[Speed] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def as_plain(self) -> dict:
        """As values of JSON."""
        return {**asdict(self), 'input_shape': list(self.input_shape)}


@torch.no_grad()
def profile(
    measured: Measured, *, batch_sizes: Sequence[int] = (1, 8), device: str = 'cpu', min_seconds: float = 1.0
) -> Profile:
    """Count a network's operations and time it, in PyTorch on a device, in ONNX Runtime on the CPU.

    Args:
        batch_sizes: clips at a time.
        device: of PyTorch.
        min_seconds: that each time is measured for, after a warm-up.
    """
    network = measured.network.eval()
    operations = count_operations(lambda: network.cpu()(torch.zeros(1, *measured.shape)))
    tensors = [*network.parameters(), *network.buffers()]
    found = Profile(
        measured.name,
        measured.shape,
        sum(parameter.numel() for parameter in network.parameters()),
        operations,
        sum(tensor.numel() * tensor.element_size() for tensor in tensors),
    )
    found.speeds.extend(_in_onnx_runtime(measured, batch_sizes, min_seconds, found.notes))
    network.to(device)
    of_pytorch = [_in_pytorch(network, measured.shape, size, torch.device(device), min_seconds) for size in batch_sizes]
    found.speeds[:0] = of_pytorch
    return found


def _in_pytorch(
    network: nn.Module, shape: Sequence[int], batch_size: int, device: torch.device, min_seconds: float
) -> Speed:
    inputs = torch.zeros(batch_size, *shape, device=device)
    peak = _peak_bytes(network, inputs)
    seconds = _seconds(lambda: network(inputs), min_seconds)
    name = torch.cuda.get_device_name(device) if device.type == 'cuda' else _cpu()
    return Speed(PYTORCH, name, batch_size, 1000 * seconds, batch_size / seconds, peak)


def _in_onnx_runtime(
    measured: Measured, batch_sizes: Sequence[int], min_seconds: float, notes: list[str]
) -> list[Speed]:
    if measured.exported is None:
        notes.append(f'{measured.name}: not in ONNX Runtime, as it is not known how to export it')
        return []
    try:
        require_onnx_runtime()
    except ValueError as error:
        notes.append(f'{measured.name}: not in ONNX Runtime: {error}')
        return []
    with tempfile.TemporaryDirectory() as folder:
        try:
            runs = _exported(measured.exported.cpu().eval(), measured.shape, batch_sizes, Path(folder))
        except Exception as error:  # whatever the exporter of any version raises: the rest of the table stands
            notes.append(f'{measured.name}: not in ONNX Runtime: its export failed: {_first_line(error)}')
            return []
        found = []
        for size, run in runs.items():
            seconds = _seconds(partial(run, torch.zeros(size, *measured.shape)), min_seconds)
            found.append(Speed(ONNX_RUNTIME, _cpu(), size, 1000 * seconds, size / seconds, None))
        return found


def _exported(
    network: nn.Module, shape: Sequence[int], batch_sizes: Sequence[int], folder: Path
) -> dict[int, Callable[[Tensor], tuple[Tensor, ...]]]:
    """Batch size -> running it: one file for any batch, or one for each where the batch cannot be left free."""
    example = torch.zeros(1, *shape)
    answer = network(example)
    names = ['output'] if isinstance(answer, Tensor) else [f'output_{number}' for number in range(len(answer))]
    threads = torch.get_num_threads()
    try:
        save_onnx(network, folder / 'any.onnx', example, dynamic_batch=True, outputs=names)
        run = open_onnx(folder / 'any.onnx', num_threads=threads)
        for size in batch_sizes:
            run(example.expand(size, *shape).contiguous())
    except Exception:  # as torch.export and ONNX Runtime have no common error of "this batch does not go"
        runs = {}
        for size in batch_sizes:
            file = folder / f'{size}.onnx'
            save_onnx(network, file, example.expand(size, *shape).contiguous(), dynamic_batch=False, outputs=names)
            runs[size] = open_onnx(file, num_threads=threads)
        return runs
    return dict.fromkeys(batch_sizes, run)


def _seconds(run: Callable[[], object], min_seconds: float) -> float:
    """Median over calls, after a warm-up, the device waited for."""
    timer = Timer('run()', globals={'run': run}, num_threads=torch.get_num_threads())
    run()
    return timer.blocked_autorange(min_run_time=min_seconds).median


def _peak_bytes(network: nn.Module, inputs: Tensor) -> int:
    if inputs.device.type == 'cuda':
        torch.cuda.reset_peak_memory_stats(inputs.device)
        network(inputs)
        torch.cuda.synchronize(inputs.device)
        return torch.cuda.max_memory_allocated(inputs.device)
    with LiveMemory([inputs, *network.parameters(), *network.buffers()]) as memory:
        network(inputs)
    return memory.peak_bytes


def _cpu() -> str:
    threads = torch.get_num_threads()
    return f'CPU, {threads} thread{"s" if threads > 1 else ""}'


def _first_line(error: Exception) -> str:
    return f'{type(error).__name__}: {(str(error).strip().splitlines() or [""])[0][:200]}'
