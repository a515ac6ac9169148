"""Where will the time of a training go? From its config alone.

Operations of student and teacher in training, of the validations and of the test at the end, counted; with the seconds
of each, measured on two clips and a few videos on this machine, for one device and for eight. Where the data is not
there, sizes of the known data sets are taken, or of ``--videos N``; decoding is then not measured.

    python benchmarks/run_cost.py CONFIG [--videos N] [--count-only] [--out FILE] [--cfg-options KEY=VALUE ...]
"""

import argparse
import json
import sys
from pathlib import Path

from mmengine.config import Config, DictAction
from mmengine.registry import init_default_scope

sys.path.insert(0, str(Path(__file__).parents[1]))

from kdtoolbox.config_files.finding import find_config
from kdtoolbox.inspection.run_cost import estimate_run_cost
from kdtoolbox.inspection.run_cost_report import lines_of, table_of
from kdtoolbox.safe_files import write_aside


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config')
    parser.add_argument('--videos', type=int, help='of the data set, instead of what is on disk or known')
    parser.add_argument('--count-only', action='store_true', help='operations only, without seconds')
    parser.add_argument('--out', help='also write the numbers to this JSON file')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, default={})
    args = parser.parse_args()
    config = Config.fromfile(find_config(args.config))
    config.merge_from_dict(args.cfg_options)
    init_default_scope(config.get('default_scope', 'kdtoolbox'))
    cost = estimate_run_cost(config, num_videos=args.videos, is_measured=not args.count_only)
    print(table_of(cost))
    print('\n'.join(['', *lines_of(cost)]))
    if args.out:
        content = {'device': cost.device, 'operations': dict(cost.operations), 'seconds': dict(cost.seconds)}
        write_aside(args.out, json.dumps(content, indent=1))


if __name__ == '__main__':
    main()
