"""A map of the student's features."""

import numpy as np

from kdtoolbox.reporting.figures.predictions import feature_map, principal_components
from kdtoolbox.reporting.pages.blocks import Block, Picture, Section, missing
from kdtoolbox.reporting.sections.context import Context

MAX_POINTS = 3000
MIN_FOR_UMAP = 20  # with fewer, its 15 neighbours are nearly all


def vectors(context: Context) -> Section:
    """The features of the test videos as points in the plane."""
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
    names = record.classes.tolist() or [str(label) for label in range(int(record.labels.max()) + 1)]
    points, axis_names, explanation = placed(record.features[chosen])
    figure = feature_map(points, record.labels[chosen], names, axis_names=axis_names)
    caption = f'{len(chosen)} test videos, their features scaled to length 1. {explanation}'
    return [
        Picture(figure, context.named('feature-map'), caption, has_classes=len(np.unique(record.labels[chosen])) > 1)
    ]


def placed(features: np.ndarray) -> tuple[np.ndarray, tuple[str, str], str]:
    """Points (N, 2) of features (N, C), names of the axes, how to read them: by UMAP, or PCA where that is missing."""
    if len(features) >= MIN_FOR_UMAP:
        try:
            from umap import UMAP
        except ImportError:  # also of another package or a folder of that name
            pass
        else:
            made = UMAP(n_components=2, metric='cosine', random_state=0)
            words = (
                'UMAP (McInnes et al., 2018) of their cosines: neighbours stay together, but distances between groups, '
                'their sizes and the axes mean nothing.'
            )
            return np.asarray(made.fit_transform(features)), ('UMAP 1', 'UMAP 2'), words
    points, explained = principal_components(features)
    first, second = (100 * share for share in explained)
    words = (
        f'Two components show {first + second:.0f} % of the variance: what is apart here is apart, what is together '
        'may not be.'
    )
    return points, (f'first principal component ({first:.0f} % of the variance)', f'second ({second:.0f} %)'), words
