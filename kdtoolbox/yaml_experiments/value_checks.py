"""Checks of the values and keys of a section of a YAML file."""

import difflib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

REQUIRED = object()


@dataclass(frozen=True)
class Field:
    """The allowed values of a key.

    Args:
        allowed: which values are, in words.
        read: gives the value as it is used; raises TypeError or ValueError where it is not allowed.
        default: where the key is not given or empty; REQUIRED has none.
    """

    allowed: str
    read: Callable[[object], object]
    default: object = None


@dataclass(frozen=True)
class Section:
    """A section: its keys and the allowed value of each.

    Args:
        fields: key -> what it may be.
        optional: the section may be missing, and is None then; else it has its defaults.
    """

    fields: Mapping[str, 'Field | Section']
    optional: bool = False


def check_section(values: object, section: Section, path: str = '') -> dict:
    """The values of a section with the defaults filled in.

    Args:
        path: of the section, in messages.

    Raises:
        ValueError: a key is unknown or missing, or a value is not allowed; the message names its path.

    >>> check_section({'gpus': 1}, Section({'gpus': whole_number(default=0), 'name': text(default='run')}))
    {'gpus': 1, 'name': 'run'}
    """
    values = {} if values is None else values
    where = path or 'the file'
    if not isinstance(values, Mapping):
        raise ValueError(f'{where}: got {values!r}, expected keys: {", ".join(section.fields)}')
    for key in values:
        if key not in section.fields:
            raise ValueError(f'{_join(path, key)} is not a key of {where}: {_nearest(str(key), section)}')
    checked: dict[str, object] = {}
    for key, kind in section.fields.items():
        here = _join(path, key)
        if isinstance(kind, Section):
            missing = kind.optional and key not in values
            checked[key] = None if missing else check_section(values.get(key), kind, here)
        else:
            checked[key] = _check_value(values.get(key), kind, here)
    return checked


def _check_value(value: object, field: Field, path: str) -> object:
    if value is None or value == '':
        if field.default is REQUIRED:
            raise ValueError(f'{path} is missing: give {field.allowed}')
        return field.default
    try:
        return field.read(value)
    except (TypeError, ValueError):
        raise ValueError(f'{path}: got {value!r}, expected {field.allowed}') from None


def _nearest(key: str, section: Section) -> str:
    nearest = difflib.get_close_matches(key, section.fields, n=1, cutoff=0.5)
    if nearest:
        return f'did you mean {nearest[0]}?'
    deeper = dict(_deeper_keys(section))
    nearest = difflib.get_close_matches(key, deeper, n=1, cutoff=0.7)
    return f'did you mean {deeper[nearest[0]]}?' if nearest else f'there are {", ".join(section.fields)}'


def _deeper_keys(section: Section, path: str = ''):
    """(key, path from the section on) of what stands in sections of it."""
    for name, kind in section.fields.items():
        if isinstance(kind, Section):
            yield from ((key, f'{path}{name}.{key}') for key in kind.fields)
            yield from _deeper_keys(kind, f'{path}{name}.')


def _join(path: str, key: object) -> str:
    return f'{path}.{key}' if path else str(key)


def one_of(*names: str | int, default: object = None) -> Field:
    """One of some names or numbers."""
    return Field(
        f'one of {", ".join(map(str, names))}',
        _reader(lambda value: value, lambda value: value in names and not isinstance(value, bool)),
        default,
    )


def names_of(*names: str, default: object = None) -> Field:
    """One of some names or a list of several, as a list."""
    return Field(
        f'one of {", ".join(names)}, or a list of several of them, each once',
        _reader(
            lambda value: [value] if isinstance(value, str) else list(value),
            lambda found: found and set(found) <= set(names) and len(set(found)) == len(found),
        ),
        default,
    )


def text(default: object = None) -> Field:
    """Characters."""
    return Field('a text', _reader(lambda value: value, lambda value: isinstance(value, str)), default)


def whole_number(minimum: int = 0, default: object = None) -> Field:
    """A whole number from ``minimum`` on."""
    return Field(f'a whole number, {minimum} or more', _reader(whole, lambda value: value >= minimum), default)


def number(fits: Callable[[float], bool], allowed: str, default: object = None) -> Field:
    """A finite number."""
    return Field(f'a number {allowed}', _reader(finite, fits), default)


def truth(default: object = None) -> Field:
    """Yes or no."""
    return Field('true or false', _reader(lambda value: value, lambda value: isinstance(value, bool)), default)


def list_of(read: Callable[[object], object], fits: Callable[[list], bool], allowed: str) -> Field:
    """A list whose elements are read one by one."""

    def items(value: object) -> list:
        if isinstance(value, (str, Mapping)) or not isinstance(value, Sequence):
            raise TypeError
        return [read(item) for item in value]

    return Field(allowed, _reader(items, fits))


def whole(value: object) -> int:
    """A whole number, TypeError for anything else."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError
    return value


def finite(value: object) -> float:
    """A finite number, TypeError for anything else; YAML 1.1 reads 1e-4, without a point, as text."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)) or not math.isfinite(float(value)):
        raise TypeError
    return float(value) if isinstance(value, str) else value


def _reader(read: Callable, fits: Callable) -> Callable[[object], object]:
    def checked(value: object) -> object:
        value = read(value)
        if not fits(value):
            raise ValueError
        return value

    return checked
