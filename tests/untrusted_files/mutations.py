"""Files that are nearly right: what hypothesis makes of good ones, and what a reader may do with them."""

import re
from collections.abc import Callable
from pathlib import Path

from hypothesis import strategies as st

INSERTIONS = (
    b'\0', b'\xff', b'"', b"'", b'{', b'}', b'[', b']', b',', b':', b'\n', b'\r', b' ', b'/', b'..', b'../', b'//',
    b'-', b'nan', b'inf', b'null', b'true', b'1e999', b'9' * 400, b'-1', b'0', b'\\ud800', b'\\u0000', b'&a ', b'*a',
    b'<<: ', b'!!float ', b'!!bool ', b'!!timestamp ', b'!!binary ', b'!!python/name:os.system ', b'? ', b'%', b'{}',
    '\u2028'.encode(), '\ufeff'.encode(), '\u0663'.encode(), '\udcff'.encode('utf-8', 'surrogatepass'),
)  # fmt: skip


@st.composite
def mutated(draw, *originals: bytes) -> bytes:
    """One of the originals with a few cuts, insertions and repetitions."""
    content = draw(st.sampled_from(originals))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(content)))
        end = min(len(content), start + draw(st.sampled_from([0, 0, 0, 1, 2, 8, 40])))
        new = draw(st.sampled_from(INSERTIONS) | st.binary(max_size=3) | st.just(content[start:end] * 2))
        content = content[:start] + new + content[end:]
    return content


def read_or_refused(read: Callable[[Path], object], file: Path, content: bytes, *, has_lines: bool = False) -> object:
    """What ``read`` makes of a file of this content; None where it refuses it, in a message that names the file."""
    file.write_bytes(content)
    try:
        return read(file)
    except ValueError as error:
        assert str(file) in str(error), f'the file is not named: {type(error).__name__}: {error}'
        assert not has_lines or re.search(r'line \d+|:\d+:', str(error)), f'the line is not named: {error}'
        assert len(str(error)) < 1500 + len(str(file)), str(error)
        return None
