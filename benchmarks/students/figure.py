"""The learning curve of docs/students.md, from the results of study.py."""

from collections.abc import Mapping
from pathlib import Path

import matplotlib
from intervals import interval_of
from matplotlib.ticker import PercentFormatter

from kdtoolbox.reporting.figures.style import colour, house_style, marker, new_figure

LINES = {
    'the teacher itself with a probe': 'teacher, probe on the labels',
    'probed teacher on all videos': 'student, with this teacher on all videos',
    'alone': 'student, labels alone',
}


def draw_curve(results: Mapping, file: Path) -> None:
    """Top-1 against labels a class, with 95 % intervals, as SVG."""
    stored = results['experiments']['curve']
    labels = list(dict.fromkeys(title.rpartition(', ')[0] for title in stored))
    with house_style(), matplotlib.rc_context({'svg.hashsalt': 'learning-curve'}):
        figure = new_figure(6.4, 3.4)
        axes = figure.subplots()
        for number, (ending, name) in enumerate(LINES.items()):
            points = []
            for place, label in enumerate(labels):
                runs = stored.get(f'{label}, {ending}', {}).get('runs', {})
                if runs:
                    right = {seed: run['right'] for seed, run in runs.items()}
                    points.append((place, interval_of(right, dict.fromkeys(right, results['queries']['test']))))
            places = [place + 0.04 * (number - 1) for place, _ in points]
            values = [one.value for _, one in points]
            errors = [[one.value - one.low for _, one in points], [one.high - one.value for _, one in points]]
            axes.errorbar(places, values, errors, color=colour(number), marker=marker(number), capsize=3, label=name)
        axes.set_xticks(range(len(labels)), labels)
        axes.set(ylabel='top-1 of the test videos')
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=' %'))
        figure.legend(loc='outside upper left', ncols=3)
        figure.savefig(file, facecolor='white', metadata={'Date': None})
