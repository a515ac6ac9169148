"""Checks of the options of losses, when they are built."""

import math


def checked_above_zero(number: float, name: str, *, hint: str) -> float:
    """Check an option of a loss.

    Args:
        hint: usual values, the end of the message.

    Raises:
        ValueError: it is not a finite number above 0.
    """
    if not 0 < number < math.inf:
        raise ValueError(f'{name} {number}: expected a finite number above 0; {hint}')
    return float(number)


def checked_temperature(temperature: float) -> float:
    """:func:`checked_above_zero` of a temperature."""
    return checked_above_zero(temperature, 'temperature', hint='1 leaves logits as they are')


def checked_weight(weight: float, name: str) -> float:
    """Check a weight of a part of a loss.

    Raises:
        ValueError: it is not a finite number of 0 or more.
    """
    if not 0 <= weight < math.inf:
        raise ValueError(f'{name}={weight}: expected a finite number, 0 or more')
    return weight


def checked_share(share: float, name: str) -> float:
    """Check that ``share`` is in [0, 1).

    Raises:
        ValueError: it is not in [0, 1).
    """
    if not 0 <= share < 1:
        raise ValueError(f'{name}={share}: expected a share, 0 or more and below 1')
    return float(share)


def checked_positive(number: int, name: str) -> int:
    """Check that ``number`` is an integer of 1 or more.

    Raises:
        ValueError: it is below 1 or not whole.
    """
    if not isinstance(number, int) or isinstance(number, bool) or number < 1:
        raise ValueError(f'{name} is {number!r}: expected a whole number of 1 or more')
    return number
