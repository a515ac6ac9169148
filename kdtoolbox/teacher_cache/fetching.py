"""Telling the system which parts of a memory-mapped file will be read, so that it fetches these and no others.

Without it, each page that is not in memory has the system read ahead as well, up to ``read_ahead_kb`` of the disk,
which is of no use to frames from all over a file.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

PAGE = 4096


def fetch_ahead(file: Path, parts: Sequence[tuple[int, Tensor, Tensor]]) -> None:
    """Have the system fetch some elements of tensors, all at once, without waiting for it; not where it cannot (macOS).

    Args:
        file: of the tensors.
        parts: for each tensor the byte at which it begins, the tensor, and the ascending numbers of the elements along
            its first dimension that will be read.
    """
    if not hasattr(os, 'posix_fadvise'):
        return
    try:
        descriptor = os.open(file, os.O_RDONLY)
    except OSError:
        return  # such as too many open files: what is mapped can be read all the same
    try:
        for begin, tensor, places in parts:
            size = tensor[0].nbytes if len(tensor) else 0
            for first, last in runs(places, most_apart=1 + PAGE // max(size, 1)):
                length = (last + 1 - first) * size
                os.posix_fadvise(descriptor, begin + first * size, length, os.POSIX_FADV_WILLNEED)
    finally:
        os.close(descriptor)


def runs(numbers: Tensor, *, most_apart: int) -> list[tuple[int, int]]:
    """First and last number of each run of numbers, of which neighbours are at most so far apart.

    >>> runs(torch.tensor([1, 2, 4, 9]), most_apart=2)
    [(1, 4), (9, 9)]
    """
    begins = torch.ones(len(numbers) + 1, dtype=torch.bool)
    begins[1:-1] = (numbers.diff() > most_apart) | (numbers.diff() < 0)
    return list(zip(numbers[begins[:-1]].tolist(), numbers[begins[1:]].tolist()))
