"""Figures of predictions: confusion matrix, reliability diagram, map of the features."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from kdtoolbox.reporting.figures.accuracy import shortened
from kdtoolbox.reporting.figures.curves import PERCENT, WIDTH
from kdtoolbox.reporting.figures.style import GAIN, NEUTRAL, colour, house_style, marker, new_figure

MAX_ANNOTATED, MAX_NAMED = 15, 45


def confusion_matrix(counts: np.ndarray, classes: Sequence[str]) -> Figure:
    """Rows are the labels, columns the predictions; shaded by the share of the row.

    Args:
        counts: (K, K).
    """
    num = len(classes)
    with house_style():
        side = min(WIDTH, max(3.4, 1.8 + 0.32 * num))
        figure = new_figure(side, side * 0.9)
        axes = figure.subplots()
        shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
        image = axes.imshow(shares, cmap='cividis', vmin=0, vmax=1)
        bar = figure.colorbar(image, ax=axes, shrink=0.75, format=PERCENT)
        bar.set_label('share of the class’s test videos')
        if num <= MAX_ANNOTATED:
            for row, column in np.argwhere(counts > 0):
                shade = '#000000' if shares[row, column] > 0.55 else '#ffffff'
                axes.text(column, row, str(counts[row, column]), ha='center', va='center', color=shade, fontsize=8)
        if num <= MAX_NAMED:
            names = [shortened(name) for name in classes]
            axes.set_xticks(range(num), names, rotation=90)
            axes.set_yticks(range(num), names)
        axes.set(xlabel='predicted', ylabel='label')
        axes.grid(visible=False)
        return figure


def reliability_diagram(confidence: np.ndarray, is_right: np.ndarray, *, num_bins: int = 10) -> Figure:
    """Accuracy of the predictions in bins of their probability, and how many fall into each (Guo et al., 2017)."""
    with house_style():
        figure = new_figure(4.2, 4.2)
        top, below = figure.subplots(2, 1, height_ratios=[3, 1], sharex=True)
        bins = np.clip(np.ceil(confidence * num_bins).astype(int) - 1, 0, num_bins - 1)
        counts = np.bincount(bins, minlength=num_bins)
        rights = np.bincount(bins, weights=is_right, minlength=num_bins)
        centres = (np.arange(num_bins) + 0.5) / num_bins
        used = counts > 0
        top.bar(centres[used], rights[used] / counts[used], width=0.9 / num_bins, color=GAIN, label='accuracy')
        top.plot([0, 1], [0, 1], ls='--', color=NEUTRAL, label='calibrated')
        top.set(ylabel='accuracy', ylim=(0, 1), xlim=(0, 1))
        top.yaxis.set_major_formatter(PERCENT)
        top.legend(loc='upper left')
        below.bar(centres, counts, width=0.9 / num_bins, color=NEUTRAL)
        below.set(ylabel='videos', xlabel='probability of the predicted class')
        below.xaxis.set_major_formatter(PERCENT)
        return figure


def feature_map(points: np.ndarray, labels: np.ndarray, classes: Sequence[str], *, axis_names: Sequence[str]) -> Figure:
    """Features as points in the plane, a colour and marker for each class; groups have ids ``class-K``.

    Args:
        points: (N, 2).
        labels: (N,), -1 for unlabelled.
        axis_names: of both axes.
    """
    with house_style():
        figure = new_figure(WIDTH, 4.6)
        axes = figure.subplots()
        for label in np.unique(labels):
            own = points[labels == label]
            name = classes[label] if label >= 0 else 'no label'
            shade, mark = (colour(label), marker(label)) if label >= 0 else (NEUTRAL, '.')
            dots = axes.plot(own[:, 0], own[:, 1], mark, ms=5, alpha=0.8, color=shade, label=shortened(name))[0]
            dots.set_gid(f'class-{label}')
        axes.set(xlabel=axis_names[0], ylabel=axis_names[1], xticklabels=[], yticklabels=[])
        if len(np.unique(labels)) <= 24:
            figure.legend(loc='outside right upper')
        return figure


def principal_components(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(N, 2) coordinates of the directions (N, C) of features, and the share of variance of both components.

    Features are compared by their direction, as in retrieval. The sign of a component is such that its largest weight
    is positive.
    """
    unit = features.astype(np.float64) / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
    centred = unit - unit.mean(0)
    left, values, right = np.linalg.svd(centred, full_matrices=False)
    signs = np.sign(right[np.arange(len(right)), np.abs(right).argmax(1)])
    points = (left * values * signs)[:, :2]
    points = np.pad(points, ((0, 0), (0, 2 - points.shape[1])))
    variance = np.pad(values**2, (0, 2))[:2] / max(float((values**2).sum()), 1e-300)
    return points, variance
