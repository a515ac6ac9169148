"""Look at a config on one batch before training: what each term sees, weighs and costs, and what is wrong."""

import argparse

from mmengine.config import Config

from kdtoolbox.config_files.overriding import load_config
from kdtoolbox.inspection.run_cost import estimate_run_cost
from kdtoolbox.inspection.run_cost_report import lines_of
from kdtoolbox.reporting.doctor import check
from kdtoolbox.reporting.doctor_text import checkup_text


def run(args: argparse.Namespace) -> int:
    config = load_config(args)
    checkup, problems = check(config, synthetic=args.synthetic, batch_size=args.batch_size)
    problems = list(dict.fromkeys([*problems, *checkup.problems]))
    print(checkup_text(checkup, problems))
    print('\n' + '\n'.join(cost_lines(config, is_measured=not args.synthetic)))
    return 1 if args.strict and problems else 0


def cost_lines(config: Config, *, is_measured: bool) -> list[str]:
    """How much arithmetic the training is, and, if measured, how long it takes."""
    try:
        return lines_of(estimate_run_cost(config, is_measured=is_measured))
    except (ValueError, RuntimeError) as error:  # sizes that the pipeline does not tell cannot be counted with
        return [f'The cost of the run is not known: {error}']
