"""What a benchmark says of the machine and the libraries: never a host's name."""

import platform
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version

import torch

PACKAGES = ('torch', 'torchvision', 'mmengine', 'mmaction2')


def machine(device: torch.device) -> dict[str, object]:
    """Device, processor, threads and versions, as they are kept beside the numbers."""
    return {
        'device': torch.cuda.get_device_name(device) if device.type == 'cuda' else 'CPU',
        'processor': _processor(),
        'threads': torch.get_num_threads(),
        'python': platform.python_version(),
        **{name: found for name in PACKAGES if (found := _version(name))},
    }


def seconds_of(call: Callable[[], object], device: torch.device, *, times: int = 1) -> float:
    """Seconds of a call, mean over ``times`` in a row: of the clock until a GPU is done, or of the processor."""
    if device.type == 'cuda':
        torch.cuda.synchronize(device)
        start = time.perf_counter()
        for _ in range(times):
            call()
        torch.cuda.synchronize(device)
        return (time.perf_counter() - start) / times
    start = time.process_time()
    for _ in range(times):
        call()
    return (time.process_time() - start) / times


def _processor() -> str:
    try:
        with open('/proc/cpuinfo', encoding='utf-8') as file:
            names = {line.partition(':')[2].strip() for line in file if line.startswith('model name')}
    except OSError:
        names = set()
    return ', '.join(sorted(names)) or platform.machine()


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
