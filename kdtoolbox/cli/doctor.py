"""Look at a config on one batch before training: what each term sees, weighs and costs, and what is wrong."""

import argparse

from kdtoolbox.config_files.reading import load_config
from kdtoolbox.reporting.checkup import check
from kdtoolbox.reporting.checkup_text import checkup_text


def run(args: argparse.Namespace) -> int:
    config = load_config(args)
    checkup, problems = check(config, synthetic=args.synthetic, batch_size=args.batch_size)
    problems = list(dict.fromkeys([*problems, *checkup.problems]))
    print(checkup_text(checkup, problems))
    return 1 if args.strict and problems else 0
