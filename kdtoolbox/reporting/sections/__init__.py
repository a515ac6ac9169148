"""The sections of the report on a training; each has one sentence instead where its data are missing."""

from collections.abc import Callable

from kdtoolbox.reporting.pages.blocks import Section
from kdtoolbox.reporting.sections.accuracies import accuracies
from kdtoolbox.reporting.sections.by_class import by_class
from kdtoolbox.reporting.sections.clip_galleries import disagreements, retrieval_gallery
from kdtoolbox.reporting.sections.context import Context
from kdtoolbox.reporting.sections.cost import cost
from kdtoolbox.reporting.sections.learning import learning
from kdtoolbox.reporting.sections.mistakes import calibration, confusion
from kdtoolbox.reporting.sections.summary import summary
from kdtoolbox.reporting.sections.vectors import vectors

__all__ = ['SECTIONS', 'Context']

SECTIONS: tuple[Callable[[Context], Section], ...] = (
    summary,
    accuracies,
    learning,
    by_class,
    confusion,
    calibration,
    retrieval_gallery,
    disagreements,
    vectors,
    cost,
)
