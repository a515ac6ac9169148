"""Arguments that the commands which use a student share."""

import argparse
from pathlib import Path

STUDENT_HELP = 'a student folder, a folder that kdtoolbox distill wrote, or a checkpoint'


def add_student(parser: argparse.ArgumentParser) -> None:
    """STUDENT and how it is run."""
    parser.add_argument('student', metavar='STUDENT', help=STUDENT_HELP)
    add_running(parser)


def add_running(parser: argparse.ArgumentParser) -> None:
    """How a student is run."""
    parser.add_argument('--device', help="'cpu', 'cuda', … (default the best that is there)")
    parser.add_argument('--batch-size', type=at_least_one, default=8, metavar='N', help='videos at a time (default 8)')
    parser.add_argument('--workers', type=none_or_more, metavar='N', help='processes that decode (default up to 4)')
    add_imports(parser)


def add_imports(
    parser: argparse.ArgumentParser, help_text: str = "modules that register the student's own classes"
) -> None:
    """``--imports``, of every command that builds a student."""
    parser.add_argument('--imports', nargs='+', default=[], metavar='MODULE', help=help_text)


def check_student(source: str) -> None:
    """Check that the student is there, before torch is imported, which takes seconds.

    Raises:
        ValueError: it is not.
    """
    if not Path(source).expanduser().exists():
        raise ValueError(f'the student {source}: there is no such folder or file')


def at_least_one(text: str) -> int:
    """A whole number of 1 or more."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f'{text} is not a whole number of at least 1')
    return int(text)


def none_or_more(text: str) -> int:
    """A whole number of 0 or more."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f'{text} is not a whole number of at least 0')
    return int(text)


def seconds(text: str) -> float:
    """A number of seconds above 0."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float('inf'):
        raise argparse.ArgumentTypeError(f'{text} is not a number of seconds above 0')
    return value
