"""Reading files that may be anybody's, and writing files that are whole or not there."""

import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path

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


def write_aside(file: str | Path, text: str) -> None:
    """Write a text file beside ``file``, then move it there."""
    _aside(file, lambda aside: aside.write_text(text, encoding='utf-8'))


def _aside(file: str | Path, write) -> None:
    file = Path(file)
    file.parent.mkdir(parents=True, exist_ok=True)
    aside = file.with_name(f'{file.name}.part')
    write(aside)
    aside.replace(file)
