"""Curves of the losses and the metrics of a training."""

from collections.abc import Iterable, Mapping

import numpy as np
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter, PercentFormatter

from kdtoolbox.reporting.figures.style import LINES, colour, house_style, new_figure

WIDTH = 7.2
PERCENT = PercentFormatter(1.0, decimals=0, symbol=' %')


def loss_curves(losses: Mapping[str, Mapping[int, float]]) -> Figure:
    """Each part of the loss against the training step; logarithmic where all are above 0."""
    with house_style():
        figure = new_figure(WIDTH, 3.0)
        axes = figure.subplots()
        for number, (name, curve) in enumerate(losses.items()):
            axes.plot(list(curve), list(curve.values()), color=colour(number), ls=_line(number), label=short(name))
        if all(value > 0 for curve in losses.values() for value in curve.values()):
            axes.set_yscale('log')
            axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f'{value:g}'))
            few = len(axes.yaxis.get_majorticklocs()) < 4  # less than a decade: name those between, too
            between = FuncFormatter(lambda value, _: f'{value:.2g}') if few else NullFormatter()
            axes.yaxis.set_minor_formatter(between)
        axes.set(xlabel='training step (batches)', ylabel='weighted loss')
        whole_numbers(axes.xaxis)
        figure.legend(loc='outside upper left', ncols=4)
        return figure


def loss_shares(losses: Mapping[str, Mapping[int, float]]) -> Figure | None:
    """The share of each part in the sum of the losses; None of a single part, or where values are below 0."""
    steps = sorted(set.intersection(*(set(curve) for curve in losses.values()))) if losses else []
    values = np.array([[curve[step] for step in steps] for curve in losses.values()])
    if len(losses) < 2 or len(steps) < 2 or (values < 0).any():
        return None
    with house_style():
        figure = new_figure(WIDTH, 2.4)
        axes = figure.subplots()
        shares = values / np.maximum(values.sum(0), 1e-12)
        axes.stackplot(
            steps,
            shares,
            colors=[colour(number) for number in range(len(losses))],
            labels=[short(one) for one in losses],
        )
        axes.set(xlabel='training step (batches)', ylabel='share of the loss', ylim=(0, 1), xlim=(steps[0], steps[-1]))
        axes.yaxis.set_major_formatter(PERCENT)
        whole_numbers(axes.xaxis)
        figure.legend(loc='outside upper left', ncols=4)
        return figure


def metric_curves(
    metrics: Mapping[str, Mapping[int, float]], *, step_name: str, chances: Mapping[str, float]
) -> Figure:
    """Metrics that are shares, in percent, against the step of the validation; chance as dotted lines.

    Args:
        step_name: what the steps are, such as ``'epoch'``.
        chances: name of a metric -> its value for guessing.
    """
    with house_style():
        figure = new_figure(WIDTH, 3.0)
        axes = figure.subplots()
        for number, (name, curve) in enumerate(metrics.items()):
            axes.plot(
                list(curve), list(curve.values()), color=colour(number), ls=_line(number), marker='o', ms=3, label=name
            )
            if name in chances:
                axes.axhline(chances[name], color=colour(number), ls=':', lw=1, label=f'chance of {name}')
        axes.set(xlabel=step_name, ylabel='share of the test videos', ylim=(0, 1.02))
        axes.yaxis.set_major_formatter(PERCENT)
        whole_numbers(axes.xaxis)
        figure.legend(loc='outside upper left', ncols=3)
        return figure


def whole_numbers(axis: Axis) -> None:
    """Have an axis of steps name no fractions of them."""
    axis.set_major_locator(MaxNLocator(integer=True))


def short(name: str) -> str:
    """The name of a term from that of its loss.

    >>> short('loss_kd'), short('loss_cls')
    ('kd', 'cls (labels)')
    """
    term = name.removeprefix('loss_')
    return f'{term} (labels)' if term == 'cls' else term


def _line(number: int) -> str:
    return LINES[number // 6 % len(LINES)]


def is_share(curve: Iterable[float]) -> bool:
    """Whether all values could be shares."""
    return all(0 <= value <= 1 for value in curve)
