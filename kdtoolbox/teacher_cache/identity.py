"""What a cache was made from, and what has changed since."""

from collections.abc import Iterable, Mapping
from itertools import takewhile

SHOWN_CHARACTERS = 120
SHOWN_BEFORE = 30


def differences(cached: Mapping, now: Mapping) -> list[str]:
    """The entries that differ, as text; of long ones, the part around the first difference.

    >>> differences({'size': [224, 224], 'mean': None}, {'size': [112, 112], 'mean': None})
    ['size: [224, 224] in the cache, now [112, 112]']
    """
    return [
        '{}: {} in the cache, now {}'.format(name, *_shown(cached.get(name), now.get(name)))
        for name in dict.fromkeys((*cached, *now))
        if cached.get(name) != now.get(name)
    ]


def refuse_differences(what: str, changed: Iterable[str], *, folder: object) -> None:
    """Refuse a cache that was made from something else.

    Args:
        what: of which the entries in ``changed`` are, such as 'teacher'.

    Raises:
        ValueError: something has changed.
    """
    changed = list(changed)
    if changed:
        raise ValueError(
            f'the teacher cache {folder} was made with another {what}: {"; ".join(changed)}. Go back to that, or write '
            'a new cache: kdtoolbox cache CONFIG --cfg-options model.teacher.cache=ANOTHER_FOLDER'
        )


def _shown(*values: object) -> list[str]:
    texts = ['none' if value is None else str(value) for value in values]
    if max(map(len, texts)) <= SHOWN_CHARACTERS:
        return texts
    equal = takewhile(lambda letters: len(set(letters)) == 1, zip(*texts))
    start = max(sum(1 for _ in equal) - SHOWN_BEFORE, 0)
    return [_cut(text, start) for text in texts]


def _cut(text: str, start: int) -> str:
    end = start + SHOWN_CHARACTERS
    return ('…' if start else '') + text[start:end] + ('…' if len(text) > end else '')
