"""List the configs that came with kdtoolbox, or print one as it is run: ``kdtoolbox configs [show NAME]``."""

import argparse
import contextlib
import sys

from kdtoolbox.config_files.finding import find_config, packaged_configs
from kdtoolbox.terminal import table_text

EXAMPLE = 'kdtoolbox configs show kd_r2d_to_r3d_hmdb51'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest='action')
    show = actions.add_parser('show', help='print one config, its bases filled in', example=EXAMPLE)
    show.add_argument('config', help='a config file, or a name from the list')


def run(args: argparse.Namespace) -> int:
    if args.action == 'show':
        file = find_config(args.config)
        from kdtoolbox.config_files.reading import read_config  # imports mmengine, which the list does without

        with contextlib.redirect_stdout(sys.stderr):  # where mmengine says what it reads: the config stands alone
            config = read_config(file)
        print(config.pretty_text)
        return 0
    rows = [(name, first_line(file.read_text(encoding='utf-8'))) for name, file in packaged_configs().items()]
    print(table_text(rows, num_left=2))
    return 0


def first_line(text: str) -> str:
    """The first line of the comment that a config begins with, marked where its sentence goes on.

    >>> first_line('# Hinton, arXiv:1503.02531; the weight is that of most\\n# public code.\\nmodel = dict()')
    'Hinton, arXiv:1503.02531; the weight is that of most …'
    """
    line = text.splitlines()[0] if text else ''
    line = line.removeprefix('#').strip() if line.startswith('#') else ''
    return line if line.endswith(('.', ':')) or not line else f'{line} …'
