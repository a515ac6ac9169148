"""Tables, messages and progress for the person or program that reads them: a person at a terminal, a file or a pipe."""

import io
import os
import re
import shutil
import sys
import time
from collections.abc import Sequence

from rich import box
from rich.console import Console, RenderableType
from rich.table import Table

# Of a terminal: moving its cursor, clearing it, naming its window, reversing the direction of text.
CONTROLS = re.compile('[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]')
UNLIMITED = 10_000  # columns of a file: a row stays one line
QUIET, NORMAL, VERBOSE = 'quiet', 'normal', 'verbose'

_console = Console(markup=False, highlight=False, emoji=False)  # asks for sys.stdout each time
_state = {'verbosity': NORMAL}
_open_bars: list['Progress'] = []


def set_verbosity(verbosity: str) -> None:
    """How much long commands tell of themselves: :data:`QUIET`, :data:`NORMAL` or :data:`VERBOSE`."""
    _state['verbosity'] = verbosity


def is_quiet() -> bool:
    """Whether only warnings, errors and results are to be shown."""
    return _state['verbosity'] == QUIET


def is_verbose() -> bool:
    """Whether the whole log is to be shown."""
    return _state['verbosity'] == VERBOSE


def printable(text: str) -> str:
    r"""The text, in which control characters, which names in somebody's files may have, are written as escapes.

    >>> print(printable('run\x1b[2J'))
    run\x1b[2J
    """
    return CONTROLS.sub(lambda found: ascii(found[0])[1:-1], text)


def say(text: str) -> None:
    """Print a message; it comes to stand above a progress bar if there is one."""
    console = _console
    if _open_bars and sys.stdout.isatty():  # which clears the bar's line and draws it again below
        console = _open_bars[-1].console
    console.print(printable(text), soft_wrap=True, markup=False, highlight=False, emoji=False)


def table_text(rows: Sequence[Sequence[str]], *, header: Sequence[str] = (), num_left: int = 1) -> str:
    """Rows as an aligned table, folded to the terminal if there is one.

    Args:
        header: names of the columns; none for a plain list.
        num_left: so many columns are text, aligned to the left; the others are numbers, aligned to the right.

    >>> print(table_text([['L1', 'Mean absolute difference'], ['KLDivergence', 'Agree']], num_left=2))
      L1            Mean absolute difference
      KLDivergence  Agree
    """
    num_columns = max((len(header), *map(len, rows)), default=0)
    if header:
        table = Table(box=box.SIMPLE_HEAD)
    else:
        table = Table(box=None, show_header=False, padding=(0, 0, 0, 2))
    for column in range(num_columns):
        table.add_column(
            header[column] if header else '', justify='left' if column < num_left else 'right', overflow='fold'
        )
    for row in rows:
        table.add_row(*map(printable, row))
    return as_text(table)


def as_text(thing: RenderableType) -> str:
    """What rich prints of it on standard output, without colours and spaces at the ends of lines."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else UNLIMITED
    printed = io.StringIO()
    console = Console(file=printed, width=width, color_system=None, markup=False, highlight=False, emoji=False)
    console.print(thing)
    return '\n'.join(line.rstrip() for line in printed.getvalue().splitlines())


class Progress:
    """On a terminal a bar with rate and time left, on standard error; elsewhere a line now and then, for log files.

    Args:
        total: number of tasks.
        what: the tasks are.
        done: so many are done already.
        seconds_between_lines: where there is no terminal.
    """

    def __init__(self, total: int, *, what: str = 'videos', done: int = 0, seconds_between_lines: float = 30) -> None:
        self._total, self._what, self._done, self._done_before = total, what, done, done
        self._seconds_between_lines = seconds_between_lines
        self._start = self._last_line = time.monotonic()
        self._is_silent = is_quiet()
        self._bar = _rich_bar() if _draws() and total and not self._is_silent else None
        if self._bar is not None:
            self._task = self._bar.add_task(what, total=total, completed=done)
            self._bar.start()
            _open_bars.append(self)

    @property
    def console(self) -> Console:
        """What the bar is drawn on, and messages above it; the one of messages where there is no bar."""
        return _console if self._bar is None else self._bar.console

    def update(self, words: str = '') -> None:
        """One more task is done.

        Args:
            words: to stand before the numbers, instead of what the tasks are.
        """
        self._done += 1
        now = time.monotonic()
        if self._bar is not None:
            self._bar.update(self._task, completed=self._done, description=words or self._what)
            if now - self._last_line >= 0.1 or self._done >= self._total:
                self._last_line = now
                self._bar.refresh()
        elif now - self._last_line >= self._seconds_between_lines and not self._is_silent:
            self._last_line = now
            rate = (self._done - self._done_before) / (now - self._start)
            left = (self._total - self._done) / rate / 60
            begin = f'{words}: ' if words else ''
            print(
                f'{begin}{self._done}/{self._total} {self._what}, {rate:.1f} a second, {left:.0f} min left',
                file=sys.stderr,
                flush=True,
            )

    def close(self) -> None:
        """Give the terminal its line and its cursor back; can be called again."""
        if self._bar is not None and self in _open_bars:
            _open_bars.remove(self)
            self._bar.stop()


def close_bars() -> None:
    """Close the bars that an error left open."""
    for bar in list(_open_bars):
        bar.close()


def _draws() -> bool:
    """Whether standard error is a terminal on which a line can be drawn again."""
    return sys.stderr.isatty() and os.environ.get('TERM') not in ('dumb', 'unknown')


def _rich_bar():
    from rich import progress  # only where there is a terminal

    return progress.Progress(
        progress.TextColumn('{task.description}'),
        progress.BarColumn(bar_width=None),
        progress.MofNCompleteColumn(),
        progress.TimeElapsedColumn(),
        progress.TextColumn('left'),
        progress.TimeRemainingColumn(),
        console=Console(stderr=True, force_terminal=True),
        auto_refresh=False,  # a thread that draws would be there when workers are forked
        redirect_stdout=sys.stdout.isatty(),
        redirect_stderr=True,
        expand=True,
    )
