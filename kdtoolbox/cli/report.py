"""Write a page on one or several trainings: what was learned, how good it is, and clips to look at.

One HTML file that opens from disk: curves, accuracies with intervals against teacher, baseline and chance, confusions,
accuracy by class, calibration, nearest training videos, disagreements, a map of the features, cost. Several work
directories make a table that compares them. With --compute, what is not there yet is measured once and kept in the work
directory.
"""

import argparse

from kdtoolbox.reporting.html_report import training_in, write_report
from kdtoolbox.runner.measure_run import measure_run
from kdtoolbox.terminal import say


def run(args: argparse.Namespace) -> int:
    work_dirs = [training_in(folder) for folder in args.work_dirs]
    args.baseline = args.baseline and training_in(args.baseline)
    if args.compute:
        for folder in dict.fromkeys([*work_dirs, *([args.baseline] if args.baseline else [])]):
            checkpoint = args.checkpoint if folder == work_dirs[0] else None
            for problem in measure_run(folder, checkpoint=checkpoint):
                say(f'{folder}: not measured: {problem}')
    out = write_report(work_dirs, args.out, baseline=args.baseline, figures=args.figures)
    print(f'wrote {out} ({out.stat().st_size / 2**20:.1f} MiB): open it in a browser')
    return 0
