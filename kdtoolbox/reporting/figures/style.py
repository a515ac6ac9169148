"""One look for all figures: colours that the colour-blind can distinguish, text that takes the colour of the page."""

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import matplotlib
from markupsafe import Markup
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

# Okabe and Ito's colours, https://jfly.uni-koeln.de/color/, without black and yellow, which a page of one of both
# brightnesses hides.
COLOURS = ('#0072b2', '#e69f00', '#009e73', '#cc79a7', '#56b4e9', '#d55e00')
GAIN, LOSS, NEUTRAL = '#0072b2', '#d55e00', '#888888'
MARKERS = ('o', 's', '^', 'D', 'v', 'P', 'X', '*')
LINES = ('-', '--', '-.', ':')
# Drawn in these, replaced in pages by the page's own colour of text; dark enough to be read on paper as they are.
INK, _PALE = '#1a1b1c', '#9a9b9c'
_SETTINGS = {
    'svg.fonttype': 'none',
    'text.parse_math': False,  # names of classes may hold $
    'font.family': 'sans-serif',
    'font.sans-serif': ['DejaVu Sans'],
    'font.size': 9,
    'text.color': INK,
    'axes.edgecolor': INK,
    'axes.labelcolor': INK,
    'xtick.color': INK,
    'ytick.color': INK,
    'axes.spines.top': False,
    'axes.spines.right': False,
    'axes.grid': True,
    'axes.axisbelow': True,
    'grid.color': _PALE,
    'grid.alpha': 0.35,
    'grid.linewidth': 0.6,
    'figure.facecolor': 'none',
    'axes.facecolor': 'none',
    'savefig.facecolor': 'none',
    'legend.frameon': False,
    'legend.fontsize': 8,
    'lines.linewidth': 1.6,
}


@contextmanager
def house_style() -> Iterator[None]:
    """Within it, matplotlib draws as figures of the reports look."""
    # Its type lists every setting's name.
    with matplotlib.rc_context(cast(Any, _SETTINGS)), warnings.catch_warnings():
        warnings.filterwarnings('ignore', 'Glyph .* missing from')  # text stays text in a page, whose reader has fonts
        yield


def new_figure(width: float, height: float) -> Figure:
    """A figure of so many inches, beside pyplot's, so that none is kept open."""
    return Figure(figsize=(width, height), layout='constrained')


def colour(number: int) -> str:
    """The colour of the n-th line or class."""
    return COLOURS[number % len(COLOURS)]


def marker(number: int) -> str:
    """The marker of the n-th class; 24 classes differ in colour or marker, neighbours in both."""
    return MARKERS[number % len(MARKERS)]


def svg_for_page(figure: Figure, *, name: str, description: str) -> Markup:
    """A figure as SVG to stand in a page: its text takes the page's colour and font.

    Args:
        name: of letters, digits and hyphens; prefix of the ids, which are to differ from those of other figures.
        description: for readers who do not see it.
    """
    assert re.fullmatch(r'[a-z0-9-]+', name), name
    buffer = io.StringIO()
    with house_style(), matplotlib.rc_context({'svg.hashsalt': name}):
        # What savefig calls after it has drawn all of it once, to lay it out; it is laid out here too.
        metadata = {'Date': None, 'Creator': None, 'Format': None, 'Type': None}
        FigureCanvasSVG(figure).print_svg(buffer, metadata=metadata)
    text = buffer.getvalue()
    text = text[text.index('<svg') :]
    text = re.sub(r'<metadata>.*?</metadata>', '', text, flags=re.DOTALL)
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = re.sub(r'url\(#', f'url(#{name}-', text)
    text = re.sub(r'(xlink:href|href)="#', rf'\1="#{name}-', text)
    text = text.replace(INK, 'currentColor').replace(_PALE, 'currentColor')
    text = re.sub(r"font: ([^;]*?)'DejaVu Sans'[^;]*", r'font: \1system-ui, sans-serif', text)
    size = re.search(r'width="([\d.]+)pt" height="([\d.]+)pt"', text)
    assert size is not None, 'matplotlib writes its figures with a size'
    width, height = size.groups()
    text = text.replace(
        f'width="{width}pt" height="{height}pt"',
        f'style="--width:{float(width) / 72:.2f}in" role="img" aria-label="{Markup.escape(description)}"',
        1,
    )
    return Markup(text)
