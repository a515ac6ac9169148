"""Reading files that may be anybody's, telling them apart, and writing files that are whole or not there."""

import hashlib
import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch


def load_safely(file: str | Path, *, what: str) -> dict:
    """Read a file of tensors and plain values onto the CPU, running no code of it.

    Args:
        what: the file is, in messages.

    Raises:
        ValueError: the file is not there, is no such file, or holds more than tensors and plain values.
    """
    if not Path(file).is_file():
        raise ValueError(f'{what} {file}: no such file')
    try:
        content = torch.load(file, map_location='cpu', weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, zipfile.BadZipFile, KeyError) as error:
        raise ValueError(
            f'{what} {file} is not a file of tensors and plain values, and anything else could run code when it is '
            f'loaded ({type(error).__name__}). Checkpoints of plain mmengine hold its log too: have whoever made it '
            "save its state_dict alone.") from error
    if not isinstance(content, dict):
        raise ValueError(f'{what} {file}: expected a dict, got {type(content).__name__}')
    return content


def save_aside(content: Mapping, file: str | Path) -> None:
    """``torch.save`` into a file beside ``file``, then move it there."""
    _aside(file, lambda aside: torch.save(dict(content), aside))


def save_arrays_aside(arrays: Mapping[str, np.ndarray], file: str | Path) -> None:
    """Write arrays of plain values as an npz archive beside ``file``, then move it there."""
    assert not any(array.dtype.hasobject for array in arrays.values()), 'these would be pickled'

    def write(aside: Path) -> None:
        with aside.open('wb') as stream:  # given a name, numpy would append .npz to it
            np.savez(stream, **arrays)
    _aside(file, write)


def write_aside(file: str | Path, text: str) -> None:
    """Write a text file beside ``file``, then move it there."""
    _aside(file, lambda aside: aside.write_text(text, encoding='utf-8'))


def sha256_of(file: str | Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    return hashlib.sha256(Path(file).read_bytes()).hexdigest()


def _aside(file: str | Path, write) -> None:
    file = Path(file)
    file.parent.mkdir(parents=True, exist_ok=True)
    aside = file.with_name(f'{file.name}.part')
    write(aside)
    aside.replace(file)
