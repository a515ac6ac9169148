"""How much memory does a training step take at its peak, beside the student alone?

The goal: no more than the student alone, the teacher's weights, and one chunk of frames on its way through the teacher.
On a GPU this is what torch's allocator had handed out at most. On a CPU it is counted from the tensors themselves: each
storage that an operation gives, until it is freed (torch's profiler does not see what libraries take inside of an
operation, and the memory of the process does not fall when tensors are freed).

    python -m benchmarks.memory [--device cpu] [--size cpu] [--out FILE]
    python -m benchmarks.memory --tiny                                  # to try it out; nothing is kept
"""

import argparse
import gc
import json
import weakref
from collections.abc import Callable
from pathlib import Path

import torch
from mmengine.registry import init_default_scope
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from benchmarks.machine import machine
from benchmarks.step_models import SIZES, Size, clips_of, kd_config, stepping, with_teacher
from kdtoolbox.registry import MODELS
from kdtoolbox.safe_files import write_aside

RESULTS = Path(__file__).parent / 'results/memory.json'
CHUNKS = (16, 4)  # images


class LiveStorages(TorchDispatchMode):
    """Bytes of the storages that operations have given and nobody has freed; ``peak`` is the most there were."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.peak = 0
        self._known: set[int] = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        there = {one.untyped_storage()._cdata for one in tree_leaves((args, kwargs)) if isinstance(one, Tensor)}
        given = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(given):
            if isinstance(tensor, Tensor) and tensor.untyped_storage()._cdata not in there | self._known:
                self._watch(tensor.untyped_storage())
        self.peak = max(self.peak, self.now)
        return given

    def _watch(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        self._known.add(key)
        self.now += size
        weakref.finalize(storage, self._freed, key, size)

    def _freed(self, key: int, size: int) -> None:
        self._known.discard(key)
        self.now -= size


def peak_of(step: Callable[[], object], device: torch.device) -> int:
    """Bytes that a step takes at most, beyond what was there before: its second one, as the first has no momentum."""
    step()
    gc.collect()
    if device.type == 'cuda':
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        step()
        return torch.cuda.max_memory_allocated(device) - before
    with LiveStorages() as storages:
        step()
    return storages.peak


def weights_of(network: nn.Module) -> int:
    """Bytes of parameters and buffers."""
    return sum(one.numel() * one.element_size() for one in (*network.parameters(), *network.buffers()))


def chunk_peak(size: Size, chunk: int, device: torch.device) -> int:
    """Bytes at most while the teacher looks at one chunk of images."""
    config = kd_config(size)['teacher']
    teacher = MODELS.build({**config, 'chunk_size': chunk}).to(device)
    images = torch.zeros(1, chunk, 3, *[size.teacher_pixels] * 2, device=device)
    return peak_of(lambda: teacher(images), device)


def measure(size: Size, device: torch.device) -> list[dict]:
    """A row for each chunk size."""
    batch = clips_of(size)
    alone = {key: value for key, value in kd_config(size).items() if key not in ('teacher', 'terms')}
    student = peak_of(stepping(alone, device, batch), device)
    rows = []
    for chunk in CHUNKS:
        config = with_teacher(kd_config(size), chunk_size=chunk)
        weights = weights_of(MODELS.build(config['teacher']))
        step, one_chunk = peak_of(stepping(config, device, batch), device), chunk_peak(size, chunk, device)
        bound = student + one_chunk
        rows.append(
            {
                'images of a chunk': chunk,
                'student alone, MB': _megabytes(student),
                "teacher's weights, MB": _megabytes(weights),
                'one chunk, MB': _megabytes(one_chunk),
                'step with distillation, MB': _megabytes(step),
                'at most, MB': _megabytes(bound),
                'reached': step <= bound,
            }
        )
    return rows


def _megabytes(size: int) -> float:
    return round(size / 1e6, 2)


def main(arguments: list[str] | None = None) -> dict:
    """Measure, print a table and keep the numbers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--device', default='cpu', choices=('cpu', 'cuda'))
    parser.add_argument('--size', choices=SIZES, help='default: cpu or full, by the device')
    parser.add_argument('--tiny', action='store_true', help='the same as --size tiny; nothing is kept')
    parser.add_argument('--out', type=Path, help=f'default: {RESULTS.name}')
    args = parser.parse_args(arguments)
    name = 'tiny' if args.tiny else args.size or ('full' if args.device == 'cuda' else 'cpu')
    device = torch.device(args.device)
    init_default_scope('kdtoolbox')
    results = {
        'machine': machine(device),
        'size': {'name': name, **vars(SIZES[name])},
        'rows': measure(SIZES[name], device),
    }
    heads = list(results['rows'][0])
    print('|', ' | '.join(heads), '|\n' + '|---' * len(heads) + '|')
    for row in results['rows']:
        print('|', ' | '.join(str(row[head]) for head in heads), '|')
    if args.out or not args.tiny:
        write_aside(args.out or RESULTS, json.dumps(results, indent=1) + '\n')
    return results


if __name__ == '__main__':
    main()
