"""Accuracies with their intervals, and what was won and lost for each class."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from kdtoolbox.reporting.figures.curves import PERCENT, WIDTH
from kdtoolbox.reporting.figures.style import GAIN, INK, LOSS, NEUTRAL, colour, house_style, new_figure
from kdtoolbox.reporting.intervals import Share

MAX_LETTERS = 34


def shares_with_intervals(
    measures: Mapping[str, Mapping[str, Share]], chances: Mapping[str, float], *, names: Sequence[str]
) -> Figure:
    """A panel for each measure, in it a row for each network: its share and the 95 % interval; chance as a line.

    Args:
        measures: name of the measure -> name of the network -> share.
        chances: name of the measure -> value for guessing.
        names: of the networks, top first.
    """
    with house_style():
        figure = new_figure(WIDTH, 1.0 + 0.3 * len(names))
        panels = np.atleast_1d(figure.subplots(1, len(measures), sharey=True))
        figure.set_layout_engine('constrained', wspace=0.1)  # so that 100 % of one panel does not touch 0 % of the next
        rows = {name: len(names) - 1 - number for number, name in enumerate(names)}
        for axes, (measure, shares) in zip(panels, measures.items()):
            for number, name in enumerate(names):
                if name not in shares:
                    continue
                one = shares[name]
                axes.errorbar(
                    one.value,
                    rows[name],
                    xerr=[[one.value - one.low], [one.high - one.value]],
                    fmt='o',
                    color=colour(number),
                    capsize=3,
                    ms=5,
                )
            if measure in chances:
                axes.axvline(chances[measure], color=NEUTRAL, ls=':', label='chance')
            axes.set(xlim=(-0.02, 1.02), ylim=(-0.6, len(names) - 0.4), title=measure)
            axes.xaxis.set_major_formatter(PERCENT)
            axes.set_xticks([0, 0.5, 1])
            axes.set_yticks(list(rows.values()), [shortened(name) for name in rows])
        figure.supxlabel('share of the test videos, 95 % interval (Wilson); dotted: chance', fontsize=8)
        return figure


def won_and_lost(classes: Sequence[str], before: np.ndarray, after: np.ndarray, *, baseline: str) -> Figure:
    """For each class the accuracy of the baseline and of the student, joined by a line; in the order that is given."""
    with house_style():
        figure = new_figure(WIDTH, 0.9 + 0.24 * len(classes))
        axes = figure.subplots()
        rows = np.arange(len(classes))[::-1]
        for row, one, other in zip(rows, before, after):
            axes.plot([one, other], [row, row], color=GAIN if other >= one else LOSS, lw=2.4, solid_capstyle='butt')
        axes.plot(before, rows, 'o', mfc='none', mec=NEUTRAL, ms=6, label=shortened(baseline))
        won = after >= before
        axes.plot(after[won], rows[won], 'o', color=GAIN, ms=6, label='student, no worse')
        axes.plot(after[~won], rows[~won], 's', color=LOSS, ms=6, label='student, worse')
        _label_classes(axes, classes, rows)
        figure.legend(loc='outside upper left', ncols=3)
        return figure


def accuracy_by_class(classes: Sequence[str], shares: Sequence[Share]) -> Figure:
    """The accuracy of each class with its interval."""
    with house_style():
        figure = new_figure(WIDTH, 0.7 + 0.24 * len(classes))
        axes = figure.subplots()
        rows = np.arange(len(classes))[::-1]
        values = np.array([one.value for one in shares])
        errors = np.array([[one.value - one.low, one.high - one.value] for one in shares]).T
        axes.barh(rows, values, color=GAIN, alpha=0.5, height=0.7)
        axes.errorbar(values, rows, xerr=errors, fmt='none', ecolor=INK, capsize=2, lw=1)
        _label_classes(axes, classes, rows)
        return figure


def shortened(name: str) -> str:
    """A name that leaves space for the figure.

    >>> shortened('a' * 40)
    'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…'
    """
    return name if len(name) <= MAX_LETTERS else f'{name[: MAX_LETTERS - 1]}…'


def _label_classes(axes, classes: Sequence[str], rows: np.ndarray) -> None:
    axes.set_yticks(rows, [shortened(name) for name in classes])
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.7, len(classes) - 0.3), xlabel='accuracy (share of the class’s test videos)')
    axes.xaxis.set_major_formatter(PERCENT)
    axes.grid(axis='y', visible=False)
