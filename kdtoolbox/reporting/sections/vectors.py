"""A map of the student's features."""

import numpy as np

from kdtoolbox.reporting.figures.predictions import feature_map, principal_components
from kdtoolbox.reporting.pages.blocks import Block, Picture, Section, missing
from kdtoolbox.reporting.sections.context import Context

MAX_POINTS = 3000


def vectors(context: Context) -> Section:
    """Two principal components of the features of the test videos."""
    return Section(context.named('map'), 'Map of the features', _blocks(context))


def _blocks(context: Context) -> list[Block]:
    record = context.run.record
    if record is None or len(record.features) < 3:
        return missing(f'The map of the features is not measured: {context.how_to_measure}.')
    chosen = np.flatnonzero(record.is_query)
    if len(chosen) > MAX_POINTS:
        chosen = np.sort(np.random.default_rng(0).choice(chosen, MAX_POINTS, replace=False))
    if len(chosen) < 3:
        return missing('The map of the features needs three test videos or more.')
    points, explained = principal_components(record.features[chosen])
    names = record.classes.tolist() or [str(label) for label in range(int(record.labels.max()) + 1)]
    figure = feature_map(points, record.labels[chosen], names, explained=explained)
    caption = (
        f'{len(chosen)} test videos, their features scaled to length 1. Two components show '
        f'{100 * explained.sum():.0f} % of the variance: what is apart here is apart, what is together may not be.'
    )
    return [
        Picture(figure, context.named('feature-map'), caption, has_classes=len(np.unique(record.labels[chosen])) > 1)
    ]
