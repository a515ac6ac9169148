"""The report of a preparation: counts, reasons of failures, and a progress bar."""

import os
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from kdtoolbox.safe_files import write_aside
from kdtoolbox.terminal import is_verbose, say

# How a video can end. Only 'failed' makes the exit status 1; 'warning' is done, with something to look at.
DONE, WARNING, THERE, FAILED, PASSED_OVER = 'done', 'warning', 'already there', 'failed', 'passed over'


@dataclass
class Report:
    """Counts how videos ended and keeps a line for each that was not simply done."""

    counts: Counter = field(default_factory=Counter)
    lines: list[tuple[str, str, str]] = field(default_factory=list)

    def add(self, status: str, subject: str | Path, reason: str = '') -> None:
        self.counts[status] += 1
        if is_verbose():
            say(_one_line(f'{status}: {subject}') + (f': {_one_line(reason)}' if reason else ''))
        if reason:
            self.lines.append((status, str(subject), reason))

    @property
    def exit_status(self) -> int:
        return 1 if self.counts[FAILED] else 0

    def summary(self) -> str:
        """One line, the same for every tool.

        >>> report = Report(); report.add(DONE, 'a'); report.add(WARNING, 'b', 'cut off'); report.summary()
        '2 done (1 with a warning), 0 already there, 0 failed'
        """
        counts = self.counts
        warned = f' ({counts[WARNING]} with a warning)' if counts[WARNING] else ''
        passed_over = f', {counts[PASSED_OVER]} passed over' if counts[PASSED_OVER] else ''
        return (
            f'{counts[DONE] + counts[WARNING]} done{warned}, {counts[THERE]} already there, '
            f'{counts[FAILED]} failed{passed_over}'
        )

    def write(self, file: Path) -> None:
        """Write the lines as tab-separated status, video, reason, sorted; names are escaped to stay on their line."""
        rows = [('status', 'video', 'reason'), *sorted(self.lines)]
        text = ''.join('\t'.join(map(_one_line, row)) + '\n' for row in rows)
        write_aside(file, text)

    def close(self, file: Path, stream: TextIO | None = None) -> int:
        """Write the file, print the last line (and where the reasons are); returns the exit status."""
        self.write(file)
        where = f'. Reasons: {_one_line(str(file))}' if self.lines else ''
        print(self.summary() + where, file=stream or sys.stdout)
        return self.exit_status


def _one_line(text: str) -> str:
    """The text as one printable field; bytes of a name that are no UTF-8 are shown as escapes.

    >>> _one_line('a\\tb'), _one_line('день')
    ('a\\\\tb', 'день')
    """
    text = os.fsencode(text).decode(errors='backslashreplace')
    return ''.join(letter if letter.isprintable() else letter.encode('unicode_escape').decode() for letter in text)
