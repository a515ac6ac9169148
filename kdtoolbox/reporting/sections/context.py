"""What every section is made from: a run, what it is compared with, and the page it goes to."""

from dataclasses import dataclass

from kdtoolbox.reporting.pages.sprites import Sprites
from kdtoolbox.reporting.runs import Run


@dataclass(frozen=True)
class Context:
    """A run to report on.

    Args:
        run: the training.
        baseline: the training that it is compared with, if any.
        sprites: of the page.
        prefix: of the names on the page that belong to this run, of letters, digits and hyphens.
    """

    run: Run
    baseline: Run | None
    sprites: Sprites
    prefix: str = 'run'

    def named(self, name: str) -> str:
        """A name that is this run's own on the page."""
        return f'{self.prefix}-{name}'

    @property
    def how_to_measure(self) -> str:
        """The end of a sentence that says what is not measured."""
        return f'run `kdtoolbox report {self.run.work_dir} --compute`'
