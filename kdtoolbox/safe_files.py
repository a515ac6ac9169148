"""Safe reading of untrusted files, and atomic writing."""

import hashlib
import os
import pickle
import re
import struct
import zipfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np

# torch is imported inside the functions: the processes of kdtoolbox prepare do not need it.

TORCH, SAFETENSORS, UNKNOWN = 'a file of torch', 'a safetensors file', 'of no kind that is known here'
# What torch's unpickler raises for bytes that are no pickle, or a malicious one.
UNREADABLE = (
    pickle.UnpicklingError,
    RuntimeError,
    EOFError,
    zipfile.BadZipFile,
    LookupError,
    AttributeError,
    TypeError,
    ValueError,
    struct.error,
    OverflowError,
    AssertionError,
    MemoryError,
)
# First bytes -> what the file is. A pickle begins with b'\x80' and the number of its protocol.
BEGINNINGS = {
    b'\x80\x02': TORCH,
    b'\x80\x03': TORCH,
    b'\x80\x04': TORCH,
    b'\x80\x05': TORCH,
    b'\x89HDF': 'an HDF5 file, as Keras writes them',
    b'\x93NUMPY': 'an array of numpy',
    b'\x1f\x8b': 'a gzip archive: unpack it first',
    b'version https://git-lfs': 'a pointer of git-lfs instead of the file: fetch it with git lfs pull',
}


def load_safely(file: str | Path, *, what: str) -> dict:
    """Read a file of tensors and plain values (torch or safetensors) onto the CPU, without running code from it.

    Args:
        file: ``~`` stands for the home folder.
        what: name of the file's purpose, for messages.

    Raises:
        ValueError: the file does not exist, is of another kind, or holds more than tensors and plain values.
    """
    check_there(file, what=what)
    path = Path(file).expanduser()
    kind = kind_of(path)
    if kind == SAFETENSORS:
        return _load_safetensors(path, what=what)
    if kind != TORCH:
        raise ValueError(
            f'{what} {file} is {kind}; it is not a file of tensors and plain values, as torch.save (.pth, '
            '.pt) or safetensors write them'
        )
    import torch

    try:
        content = torch.load(path, map_location='cpu', weights_only=True)
    except UNREADABLE as error:
        foreign = re.search(r'GLOBAL (\S+)', str(error))
        reason = (
            f'it holds a {foreign[1]}, and an object could run code when it is loaded. Ask its author to '
            'save its state_dict() alone; checkpoints of plain mmengine hold its log too'
            if foreign
            else f'it is damaged or was made by something else ({type(error).__name__})'
        )
        raise ValueError(f'{what} {file} is not a file of tensors and plain values: {reason}') from error
    if not isinstance(content, dict):
        raise ValueError(f'{what} {file}: expected a dict, got {type(content).__name__}')
    return content


def kind_of(file: Path) -> str:
    """The kind of a file, found from its first bytes, in words that continue the sentence "it is …"."""
    with open(file, 'rb') as stream:
        begin = stream.read(512)
    if not begin:
        return 'an empty file'
    for bytes_, kind in BEGINNINGS.items():
        if begin.startswith(bytes_):
            return kind
    if begin.startswith(b'PK\x03\x04'):
        return _kind_of_zip(file)
    if len(begin) > 8 and begin[8:9] == b'{' and 8 + int.from_bytes(begin[:8], 'little') <= file.stat().st_size:
        return SAFETENSORS
    if begin.lstrip().lower().startswith((b'<!doctype html', b'<html')):
        return 'an HTML page, such as the error or login page of a download'
    if begin[257:262] == b'ustar':
        return 'a tar archive: unpack it first'
    return 'a text file' if not re.search(rb'[\x00-\x08\x0e-\x1f]', begin) else UNKNOWN


def save_aside(content: Mapping, file: str | Path) -> None:
    """``torch.save`` into a file beside ``file``, then move it there."""
    import torch

    _aside(file, lambda aside: torch.save(dict(content), aside))


def save_arrays_aside(arrays: Mapping[str, np.ndarray], file: str | Path) -> None:
    """Write arrays of plain values as an npz archive beside ``file``, then move it there."""
    assert not any(array.dtype.hasobject for array in arrays.values()), 'these would be pickled'

    def write(aside: Path) -> None:
        with aside.open('wb') as stream:  # given a name, numpy would append .npz to it
            np.savez(stream, **arrays)  # type: ignore[arg-type]  # of numpy: its other option is allow_pickle

    _aside(file, write)


def save_safetensors_aside(tensors: Mapping, file: str | Path, *, metadata: Mapping[str, str]) -> None:
    """Write tensors by their names, and texts, as a safetensors file beside ``file``, then move it there."""
    from safetensors.torch import save

    content = save({name: tensor.contiguous() for name, tensor in tensors.items()}, dict(metadata))
    write_bytes_aside(file, content)


def write_aside(file: str | Path, text: str) -> None:
    """Write a text file beside ``file``, then move it there."""
    _aside(file, lambda aside: aside.write_text(text, encoding='utf-8'))


def write_bytes_aside(file: str | Path, content: bytes) -> None:
    """Write bytes to a file beside ``file``, then move it there."""
    _aside(file, lambda aside: aside.write_bytes(content))


def check_there(file: str | Path, *, what: str, hint: str = '') -> None:
    """Check that a file to be read is there: the commands do so before they import torch, which takes seconds.

    Args:
        file: ``~`` stands for the home folder.
        what: name of the file's purpose, for the message.
        hint: end of the message that it is not there.

    Raises:
        ValueError: it is not, or is a folder.
    """
    path = Path(file).expanduser()
    if not path.is_file():
        raise ValueError(f'{what} {file}: ' + ('a folder, expected a file' if path.is_dir() else f'no such file{hint}'))


def check_writable(file: str | Path | None) -> None:
    """Check that a file can be written, before its content is computed; None is no file.

    Raises:
        ValueError: it is a folder, its parent is a file, or there is no permission.
    """
    if file is None:
        return
    file = Path(file)
    if file.is_dir():
        raise ValueError(f'{file} cannot be written: it is a folder, expected the name of a file')
    folder = next(parent for parent in file.absolute().parents if parent.exists())
    if not folder.is_dir():
        raise ValueError(f'{file} cannot be written: {folder} is not a folder')
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ValueError(f'{file} cannot be written: no permission in {folder}')


def check_no_overwriting(out: str | Path | None, sources: Iterable[str | Path]) -> None:
    """Check that a file that is written is none of those that are read; None is no file.

    Raises:
        ValueError: it is one.
    """
    if out is not None and Path(out).exists():
        for source in sources:
            if Path(source).exists() and Path(out).samefile(source):
                raise ValueError(f'{out} is the file {source} that is read, and would be overwritten: name another one')


def refuse_link_out(folder: str | Path, *, of: str | Path) -> None:
    """Refuse to write into a folder whose name is inside another folder, but which a link leads out of it.

    Raises:
        ValueError: it does.
    """
    if not Path(os.path.realpath(folder)).is_relative_to(os.path.realpath(of)):
        raise ValueError(f'{folder} leads out of {of} by a link, and nothing is written outside: remove the link')


def sha256_of(file: str | Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    return hashlib.sha256(Path(file).read_bytes()).hexdigest()


def _aside(file: str | Path, write: Callable[[Path], object]) -> None:
    """Create the folders, write a hidden temporary file, flush it to disk, then rename it."""
    file = Path(file)
    check_writable(file)
    aside = file.with_name(f'.{file.name}.part')
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        aside.unlink(missing_ok=True)  # a link of this name would be followed
        write(aside)
        with open(aside, 'rb+') as stream:
            os.fsync(stream.fileno())
        aside.replace(file)
        _bring_to_disk(file.parent)
    except OSError as error:
        raise ValueError(f'{file} cannot be written: {error.strerror or error}') from error
    finally:
        aside.unlink(missing_ok=True)


def _bring_to_disk(folder: Path) -> None:
    """Have the names in a folder, too, outlive a power cut."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _kind_of_zip(file: Path) -> str:
    try:
        names = zipfile.ZipFile(file).namelist()
    except (zipfile.BadZipFile, OSError):
        return 'a file that was cut off: a download or a saving that did not end'
    if any(name.endswith('constants.pkl') for name in names):
        return (
            'a program of TorchScript, which could run code. Save its weights: torch.save(torch.jit.load(FILE)'
            '.state_dict(), …)'
        )
    if any(name.endswith('data.pkl') for name in names):
        return TORCH
    has_arrays = any(name.endswith('.npy') for name in names)
    return 'an npz archive of numpy' if has_arrays else 'a zip archive: unpack it first'


def _load_safetensors(file: Path, *, what: str) -> dict:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(file)
    except (SafetensorError, KeyError) as error:  # the last for a dtype that torch lacks
        raise ValueError(f'{what} {file} is a safetensors file that cannot be read: {error}') from error
