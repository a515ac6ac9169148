"""Give an image teacher the data set's classes: a linear probe on its frozen features."""

import argparse
from pathlib import Path

from kdtoolbox.config_files.overriding import load_config
from kdtoolbox.feature_extraction.probe import fit_probe
from kdtoolbox.safe_files import check_writable


def run(args: argparse.Namespace) -> int:
    if args.launcher != 'none':
        raise ValueError(f'--launcher {args.launcher}: a probe is fitted by one process')
    config = load_config(args)
    out = args.out or str(Path(config.work_dir) / 'probe.pth')
    check_writable(out)
    accuracy = fit_probe(config, out, passes=args.passes)
    print(
        f'wrote {out} (accuracy on the views it was fitted on {accuracy:.3f}). '
        f'Use it: --cfg-options model.teacher.probe={out}'
    )
    return 0
