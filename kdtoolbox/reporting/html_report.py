"""The report on one or several trainings, as one HTML file."""

from collections.abc import Sequence
from pathlib import Path

from kdtoolbox.reporting.pages.blocks import Chapter
from kdtoolbox.reporting.pages.page import render_page, write_figures, write_page
from kdtoolbox.reporting.pages.sprites import Sprites
from kdtoolbox.reporting.runs import Run, read_run
from kdtoolbox.reporting.sections import SECTIONS, Context
from kdtoolbox.reporting.sections.comparison import comparison
from kdtoolbox.safe_files import check_writable

DISTILLED = 'training'  # in a folder that kdtoolbox distill wrote


def write_report(
    work_dirs: Sequence[str | Path],
    out: str | Path,
    *,
    baseline: str | Path | None = None,
    figures: str | Path | None = None,
) -> Path:
    """Write the report on what is in some work directories; of what is not there, it says how to measure it.

    Args:
        work_dirs: of trainings; several make a table that compares them.
        out: the HTML file.
        baseline: work directory of a training that all are compared with, such as the student without distillation.
        figures: folder to which the figures are written as SVG and PNG too.

    Returns:
        ``out``.

    Raises:
        ValueError: a folder is no work directory, or ``out`` cannot be written.
    """
    if not work_dirs:
        raise ValueError('a report on no work directory: name one or more')
    check_writable(out)
    runs = [read_run(folder, name=name) for folder, name in zip(work_dirs, names_of(work_dirs))]
    compared = read_run(baseline) if baseline is not None else None
    sprites = Sprites()
    chapters = _chapters(runs, compared, sprites)
    if figures is not None:
        write_figures([section for chapter in chapters for section in chapter.sections], figures)
    title = f'Report: {runs[0].name}' if len(runs) == 1 else f'Report on {len(runs)} trainings'
    subtitle = ', '.join(str(run.work_dir) for run in runs)
    if compared is not None:
        subtitle += f'; compared with {compared.work_dir}'
    return write_page(render_page(title, subtitle, chapters, sprites), out)


def names_of(work_dirs: Sequence[str | Path]) -> list[str]:
    """A short name of each work directory: the last part of its path, with the part before it where two are alike.

    A training of ``kdtoolbox distill`` has the name of the folder that it is in.

    >>> names_of(['a/kd', 'b/kd', 'b/plain'])
    ['a/kd', 'b/kd', 'plain']
    """
    paths = [Path(folder).absolute() for folder in work_dirs]
    paths = [path.parent if is_training_in(path.parent, path.name) else path for path in paths]
    last = [path.name for path in paths]
    return [path.name if last.count(path.name) == 1 else '/'.join(path.parts[-2:]) for path in paths]


def training_in(folder: str | Path) -> str:
    """The work directory that is meant: the training in it, where it is a folder that ``kdtoolbox distill`` wrote."""
    return str(Path(folder) / DISTILLED) if is_training_in(Path(folder), DISTILLED) else str(folder)


def is_training_in(folder: Path, name: str) -> bool:
    """Whether ``folder`` is one that ``kdtoolbox distill`` wrote, and ``name`` the training in it."""
    return name == DISTILLED and (folder / 'split.json').is_file() and (folder / name).is_dir()


def _chapters(runs: Sequence[Run], baseline: Run | None, sprites: Sprites) -> list[Chapter]:
    chapters = []
    if len(runs) > 1:
        chapters.append(Chapter('comparison', 'Comparison', [comparison(runs, baseline)]))
    for number, run in enumerate(runs):
        prefix = f'run{number + 1}'
        context = Context(run, baseline, sprites, prefix)
        sections = [section(context) for section in SECTIONS]
        chapters.append(Chapter(prefix, run.name, sections, is_open=len(runs) == 1))
    return chapters
