"""Figures of a data set: videos of each class, lengths."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from kdtoolbox.reporting.figures.accuracy import shortened
from kdtoolbox.reporting.figures.curves import WIDTH
from kdtoolbox.reporting.figures.style import colour, house_style, new_figure


def class_counts(classes: Sequence[str], counts: Mapping[str, Sequence[int]]) -> Figure:
    """The number of videos of each class, a bar for each part of the data.

    Args:
        counts: name of a part -> number of videos of each of ``classes``.
    """
    with house_style():
        figure = new_figure(WIDTH, 0.8 + 0.14 * len(classes) * (len(counts) + 0.6))
        axes = figure.subplots()
        rows = np.arange(len(classes))[::-1]
        thickness = 0.8 / len(counts)
        for number, (name, values) in enumerate(counts.items()):
            places = rows + 0.4 - (number + 0.5) * thickness
            axes.barh(places, values, height=0.9 * thickness, color=colour(number), label=name)
        axes.set_yticks(rows, [shortened(name) for name in classes])
        axes.set(xlabel='videos', ylim=(-0.6, len(classes) - 0.4))
        axes.grid(axis='y', visible=False)
        figure.legend(loc='outside upper left', ncols=3)
        return figure


def lengths(seconds: Mapping[str, Sequence[float]]) -> Figure:
    """The lengths of the videos, a line for each part of the data; the longest hundredth is left out."""
    with house_style():
        figure = new_figure(WIDTH, 2.4)
        axes = figure.subplots()
        longest = max(np.quantile(values, 0.99) for values in seconds.values())
        bins = np.linspace(0, max(1.1 * float(longest), 1e-3), 34)
        for number, (name, values) in enumerate(seconds.items()):
            axes.hist(values, bins=bins.tolist(), histtype='step', lw=1.6, color=colour(number), label=name)
        axes.set(xlabel='length (seconds)', ylabel='videos', xlim=(0, bins[-1]))
        figure.legend(loc='outside upper left', ncols=3)
        return figure
