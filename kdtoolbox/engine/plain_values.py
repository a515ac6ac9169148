"""Configs as plain values: stored in checkpoints as text, read safely, written as data."""

import ast
import math
import pprint
import re
from collections.abc import Iterable, Mapping, Set

MAX_LETTERS = 100_000  # a student's config has some thousands
MAX_DEPTH = 50


def check_plain(value: object, *, what: str, depth: int = 0) -> None:
    """Refuse what cannot be written as data: only numbers, texts, None, lists, tuples, and dicts with names as keys.

    Raises:
        ValueError: there is something else.
    """
    if depth > MAX_DEPTH:
        raise ValueError(f'{what}: nested more than {MAX_DEPTH} deep')
    if isinstance(value, Mapping):
        unfit = [key for key in value if not (isinstance(key, str) and key.isidentifier() and not key.startswith('_'))]
        if unfit:
            raise ValueError(f'{what}: {_shortened(unfit[0])} is no name of a setting')
        items: Iterable = value.values()
    elif isinstance(value, (list, tuple)):
        items = value
    elif value is None or type(value) in (bool, int, str) or (type(value) is float and math.isfinite(value)):
        return  # by their very types: a float of numpy is one of Python's too, but is not written as one
    else:
        raise ValueError(f'{what}: {_shortened(value)} is a {type(value).__name__}; expected plain values')
    for item in items:
        check_plain(item, what=what, depth=depth + 1)


def is_plain(value: object) -> bool:
    """Whether :func:`check_plain` lets it pass."""
    try:
        check_plain(value, what='')
    except ValueError:
        return False
    return True


def read_literal(text: object, *, what: str) -> object:
    """The plain value that a text from anybody's checkpoint stands for; runs no code of it.

    Raises:
        ValueError: it is no text of a plain value.
    """
    if not isinstance(text, str):
        raise ValueError(f'{what}: {_shortened(text)} is a {type(text).__name__}, expected a text of plain values')
    # Python's own reader of literals can be brought down by deep nesting.
    depths = [0]
    for bracket in re.findall(r'[\[\](){}]', text[:MAX_LETTERS]):
        depths.append(depths[-1] + (1 if bracket in '[({' else -1))
    if len(text) > MAX_LETTERS or max(depths) > MAX_DEPTH or re.search(r'[-+~]\s*[-+~]', text):
        raise ValueError(f'{what}: {_shortened(text)} is no text of plain values')
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
        raise ValueError(f'{what}: {_shortened(text)} is no text of plain values') from error
    check_plain(value, what=what)
    return value


def types_in(value: object) -> set[str]:
    """All that is named as ``type`` anywhere in a config.

    Raises:
        ValueError: a type is no text.

    >>> sorted(types_in(dict(type='A', parts=[dict(type='B')])))
    ['A', 'B']
    """
    if isinstance(value, Mapping):
        found = {value['type']} if isinstance(value.get('type'), str) else set()
        if 'type' in value and not found:
            raise ValueError(f'the type {_shortened(value["type"])}: expected a name')
        return found.union(*map(types_in, value.values()))
    return set().union(*map(types_in, value)) if isinstance(value, (list, tuple)) else set()


def refuse_unknown_types(config: object, known: Set[str], *, what: str) -> None:
    """Refuse a config that names what is in no registry: mmengine would import it by its name and call it.

    Raises:
        ValueError: a type is none of ``known``.
    """
    if unknown := sorted(types_in(config) - known):
        raise ValueError(f'{what} names the type {_shortened(unknown[0])}, which is in no registry')


def as_python(**values: object) -> str:
    """Lines ``name = value`` of a config file, of plain values; nothing in them is taken for a variable of mmengine's.

    >>> print(as_python(model=dict(type='A'), note='{{ $HOME:x }}'), end='')
    model = {'type': 'A'}
    note = '{\\x7b $HOME:x }}'
    """
    text = ''.join(
        f'{name} = {pprint.pformat(value, width=116, sort_dicts=False, compact=True)}\n'
        for name, value in values.items()
    )
    return text.replace('{{', r'{\x7b')  # dicts are no keys, so these are always inside of texts


def _shortened(value: object) -> str:
    text = repr(value) if not isinstance(value, str) or len(value) < 60 else f'{value[:57]!r}…'
    return text if len(text) <= 70 else f'{text[:67]}…'
