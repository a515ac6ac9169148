"""Rendering a page as one HTML file that needs nothing else."""

import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from kdtoolbox.reporting.figures.style import house_style, svg_for_page
from kdtoolbox.reporting.pages.blocks import Chapter, Picture, Section
from kdtoolbox.reporting.pages.sprites import HEIGHT, NUM_FRAMES, WIDTH, Sprites
from kdtoolbox.safe_files import check_writable, write_aside, write_bytes_aside

DPI = 200  # of the figures for papers


def render_page(title: str, subtitle: str, chapters: Sequence[Chapter], sprites: Sprites) -> str:
    """The page as HTML, with its pictures, style and script inside.

    Args:
        subtitle: a line below the title.
        sprites: of the clips in the chapters.
    """
    environment = _templates()
    read = environment.loader.get_source  # type: ignore[union-attr]
    return environment.get_template('page.html').render(
        title=title,
        subtitle=subtitle,
        chapters=chapters,
        # Our own files, which hold no closing tags; nothing of the data is in them.
        style=Markup(read(environment, 'page.css')[0]),
        script=Markup(read(environment, 'page.js')[0]),
        sprite_style=sprites.css(),
        sprite={'frames': NUM_FRAMES, 'width': WIDTH, 'height': HEIGHT},
    )


@cache
def _templates() -> Environment:
    """What compiles the templates of a page, once a process."""
    environment = Environment(
        loader=PackageLoader('kdtoolbox.reporting.pages', 'files'),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters |= {'svg': _svg, 'code': _with_code}
    return environment


def write_page(html: str, out: str | Path) -> Path:
    """Write a page, whole or not at all; returns its path."""
    check_writable(out)
    write_aside(out, html)
    return Path(out)


def write_figures(sections: Sequence[Section], folder: str | Path) -> list[Path]:
    """Write each figure as SVG and PNG, on white, for papers; returns the files."""
    import io

    written = []
    for picture in pictures_of(sections):
        for suffix in ('svg', 'png'):
            buffer = io.BytesIO()
            with house_style():
                picture.figure.savefig(buffer, format=suffix, dpi=DPI, facecolor='white', bbox_inches='tight')
            file = Path(folder) / f'{picture.name}.{suffix}'
            write_bytes_aside(file, buffer.getvalue())
            written.append(file)
    return written


def pictures_of(sections: Sequence[Section]) -> Iterator[Picture]:
    """The figures of some sections."""
    for section in sections:
        yield from (block for block in section.blocks if isinstance(block, Picture))


def _svg(picture: Picture) -> Markup:
    return svg_for_page(picture.figure, name=picture.name, description=picture.caption)


def _with_code(text: str) -> Markup:
    """The text escaped, what stands between backticks as code."""
    return Markup(re.sub('`([^`]+)`', r'<code>\1</code>', str(escape(text))))
