"""What a page is made of: sections of texts, tables, figures and clips. All texts are escaped when rendered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from matplotlib.figure import Figure


@dataclass(frozen=True)
class Text:
    """A paragraph; ``kind`` is ``'plain'``, ``'missing'`` (what was not measured, and how to) or ``'verdict'``."""

    text: str
    kind: str = 'plain'
    template: str = field(default='text', init=False)


@dataclass(frozen=True)
class Table:
    """A table with a caption; the first column names the rows.

    Args:
        num_text: so many columns are text, the others are aligned as numbers.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str = ''
    num_text: int = 1
    template: str = field(default='table', init=False)


@dataclass(frozen=True)
class Facts:
    """Names and what they stand for; a long one may be code."""

    rows: Sequence[tuple[str, str]]
    template: str = field(default='facts', init=False)


@dataclass(frozen=True)
class Picture:
    """A figure.

    Args:
        name: of letters, digits and hyphens, once a page; the name of its files for papers.
        caption: what it shows.
        has_classes: groups of it have the ids ``class-K``, which a filter can show alone.
    """

    figure: Figure
    name: str
    caption: str
    has_classes: bool = False
    template: str = field(default='picture', init=False)


@dataclass(frozen=True)
class Clip:
    """A video as a small picture.

    Args:
        sprite: its name on the page, None if it cannot be shown.
        title: its name.
        caption: lines below it.
        mark: ``'right'``, ``'wrong'`` or ''.
    """

    sprite: str | None
    title: str
    caption: Sequence[str] = ()
    mark: str = ''


@dataclass(frozen=True)
class Card:
    """A query clip and others that belong to it.

    Args:
        group: number of its class, for the filter.
        is_wrong: it is shown where only mistakes are.
    """

    clip: Clip
    others: Sequence[Clip] = ()
    group: int = -1
    is_wrong: bool = False
    note: str = ''


@dataclass(frozen=True)
class Gallery:
    """Cards with a filter.

    Args:
        name: once a page.
        groups: number -> name of a class, of those that have cards.
        others: what the other clips are, a heading.
    """

    cards: Sequence[Card]
    name: str
    groups: Mapping[int, str] = field(default_factory=dict)
    filters_wrong: bool = False
    others: str = ''
    template: str = field(default='gallery', init=False)


@dataclass(frozen=True)
class Strip:
    """Frames side by side in one image.

    Args:
        uri: that holds the image.
        width: in which it is shown, in pixels.
        height: likewise.
    """

    title: str
    uri: str
    width: int
    height: int


@dataclass(frozen=True)
class StripsOfClip:
    """A clip as several networks see it."""

    title: str
    facts: Sequence[str]
    strips: Sequence[Strip]
    group: int = -1


@dataclass(frozen=True)
class Strips:
    """Clips with a filter by class; ``groups`` as in :class:`Gallery`."""

    clips: Sequence[StripsOfClip]
    name: str
    groups: Mapping[int, str] = field(default_factory=dict)
    template: str = field(default='strips', init=False)


Block = Text | Table | Facts | Picture | Gallery | Strips


@dataclass(frozen=True)
class Section:
    """A part of a page, with a heading and an anchor."""

    anchor: str
    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Chapter:
    """Sections of one subject, which can be folded away if there are several.

    Args:
        is_open: it is unfolded at first.
    """

    anchor: str
    title: str
    sections: Sequence[Section]
    is_open: bool = True


def missing(text: str) -> list[Block]:
    """The one sentence of a section that has no data."""
    return [Text(text, 'missing')]
