"""Findings of the checks: errors and warnings."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from logging import Logger


@dataclass(frozen=True)
class Finding:
    """An error or a warning of a check.

    Args:
        text: what it is, what was expected, and the fix.
        is_error: an error stops the training; else it is a warning.
    """

    text: str
    is_error: bool = False


def error(text: str) -> Finding:
    """A finding that stops the training."""
    return Finding(text, is_error=True)


def act_on(findings: Iterable[Finding], *, logger: Logger, strict: bool = False) -> None:
    """Log each warning in one line, and raise if there are errors.

    Args:
        strict: stop at warnings too.

    Raises:
        ValueError: there is an error, or with ``strict`` anything; the message has them all.
    """
    findings = list(findings)
    stopping = [finding.text for finding in findings if finding.is_error or strict]
    for finding in findings:
        if finding.text not in stopping:
            logger.warning(finding.text)
    if stopping:
        raise ValueError('; '.join(stopping))


def listed(names: Sequence[object], num: int = 3) -> str:
    """The first few names, and how many more there are.

    >>> listed(['a', 'b', 'c', 'd'])
    'a, b, c and 1 more'
    """
    more = f' and {len(names) - num} more' if len(names) > num else ''
    return f'{", ".join(map(str, names[:num]))}{more}'
