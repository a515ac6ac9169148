"""Reading text, JSON and arrays that may be anybody's: bounded, and what is wrong is said with its place."""

import csv
import io
import json
import os
import re
import stat
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

FEATURE_FILES = ('.safetensors', '.npz')  # the ends of their names; npz alone until 2026
MAX_BYTES = 2**29  # the annotations of Kinetics-700 are a fifth of it
MAX_DEPTH = 50
MAX_EXPANSION = 20  # of a compressed archive: features compress by 2, zeros that are made to fill the memory by 1000
_MIB = 2**20
# What numpy and zipfile raise for archives that are none, or that were made to trip them.
_NO_ARRAYS = (
    ValueError,
    OSError,
    EOFError,
    zipfile.BadZipFile,
    zlib.error,
    AttributeError,
    TypeError,
    LookupError,
    SyntaxError,
    NotImplementedError,
    RuntimeError,
    OverflowError,
    MemoryError,
)


class NoSuchFile(ValueError):
    """There is no file of this name."""


def read_text(file: str | Path, *, max_bytes: int = MAX_BYTES) -> str:
    """The text of a file in UTF-8.

    Raises:
        NoSuchFile: it is not there.
        ValueError: it is no regular file, too large, may not be read, or not UTF-8; the message names the line.
    """
    try:
        # Not to wait at a pipe that bears the name.
        with open(file, 'rb', opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as stream:
            status = os.fstat(stream.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise ValueError(f'{file}: no file, expected a file')
            if status.st_size > max_bytes:
                raise ValueError(f'{file} has {status.st_size} bytes: expected at most {max_bytes} of such a file')
            content = stream.read(max_bytes)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NoSuchFile(f'{file}: no such file') from error
    except IsADirectoryError as error:
        raise ValueError(f'{file}: a folder, expected a file') from error
    except OSError as error:
        raise ValueError(f'{file} cannot be read: {error.strerror or error}') from error
    try:
        return content.decode('utf-8-sig')
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b'\n') + 1
        raise ValueError(f'{file}, line {line} is not text in UTF-8: save it as UTF-8') from error


def numbered_lines(file: str | Path) -> list[tuple[int, str]]:
    """(number, line) of the lines that are not blank, stripped; CRLF line ends do not matter.

    Raises:
        ValueError: as :func:`read_text`, or a line holds a NUL.
    """
    lines = [
        (number, line.strip())
        for number, line in enumerate(io.StringIO(read_text(file), newline=None), start=1)
        if line.strip()
    ]
    for number, line in lines:
        if '\0' in line:
            raise ValueError(f'{file}, line {number} holds a NUL byte: it is no text file, or was damaged')
    return lines


def csv_rows(file: str | Path) -> tuple[list[str], Iterator[tuple[int, dict[str, str | None]]]]:
    """Names of the columns, and (number of its last line, column -> value) for each row; None where a row is short.

    Raises:
        ValueError: as :func:`read_text`, or, of the rows as they come, a line is no CSV.
    """
    reader = csv.DictReader(io.StringIO(read_text(file), newline=''))

    def rows() -> Iterator[tuple[int, dict[str, str | None]]]:
        try:
            for row in reader:
                yield reader.line_num, row
        except csv.Error as error:
            raise ValueError(f'{file}, line {reader.line_num + 1} is not CSV: {error}') from error

    try:
        columns = list(reader.fieldnames or ())
    except csv.Error as error:
        raise ValueError(f'{file}, line 1 is not CSV: {error}') from error
    return columns, rows()


def read_json(file: str | Path, *, max_bytes: int = MAX_BYTES) -> object:
    """The content of a JSON file.

    Raises:
        ValueError: as :func:`read_text`, or it is no JSON, gives a key twice, or is nested too deep.
    """
    return parse_json(read_text(file, max_bytes=max_bytes), source=str(file))


def parse_json(text: str, *, source: str) -> object:
    """The content of a JSON text.

    Args:
        source: what the text is called in messages.

    Raises:
        ValueError: as :func:`read_json`.

    >>> parse_json('{"a": 1, "a": 2}', source='x.json')
    Traceback (most recent call last):
    ValueError: x.json gives the key 'a' twice: keep one of them
    """

    def unique(pairs: list[tuple[str, object]]) -> dict:
        content = dict(pairs)
        if len(content) < len(pairs):
            keys = [key for key, _ in pairs]
            repeated = next(key for place, key in enumerate(keys) if key in keys[:place])
            raise _KeyTwice(repeated)
        return content

    try:
        content = json.loads(text, object_pairs_hook=unique)
    except _KeyTwice as error:
        raise ValueError(f'{source} gives the key {error.args[0][:60]!r} twice: keep one of them') from None
    except RecursionError as error:
        raise ValueError(f'{source} is nested too deep: expected at most {MAX_DEPTH} brackets in brackets') from error
    except ValueError as error:  # the message names the line
        raise ValueError(f'{source} is not JSON: {error}') from error
    if _is_deeper(content, MAX_DEPTH):
        raise ValueError(f'{source} is nested too deep: expected at most {MAX_DEPTH} brackets in brackets')
    if re.search(r'\\u[dD][89a-fA-F]', text):
        try:
            json.dumps(content, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            raise ValueError(f'{source} holds half a character, \\ud800 to \\udfff: correct it') from error
    return content


def load_arrays(file: str | Path) -> dict[str, np.ndarray]:
    """The arrays of an npz archive, running no code of it.

    Raises:
        ValueError: it is no such archive, holds objects, or would fill the memory.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
            if size > MAX_EXPANSION * (Path(file).stat().st_size + _MIB):
                raise ValueError(f'unpacked it would have {size} bytes')
        with np.load(file, allow_pickle=False) as content:
            arrays = {name: np.asarray(content[name]) for name in content.files}
    except _NO_ARRAYS as error:
        raise ValueError(
            f'{file} is no npz archive of plain arrays ({type(error).__name__}: {str(error)[:200]})'
        ) from error
    if unfit := [name for name, array in arrays.items() if not isinstance(array, np.ndarray) or array.dtype.hasobject]:
        raise ValueError(f'{file} is no npz archive of plain arrays: {unfit[0][:60]!r} is none')
    return arrays


class _KeyTwice(Exception):
    """A key of a JSON object is there twice."""


def _is_deeper(content: object, depth: int) -> bool:
    level = [content]
    for _ in range(depth + 1):
        level = [
            item
            for one in level
            if isinstance(one, (dict, list))
            for item in (one.values() if isinstance(one, dict) else one)
            if isinstance(item, (dict, list))
        ]
        if not level:
            return False
    return True
