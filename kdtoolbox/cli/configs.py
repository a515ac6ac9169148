"""List the configs that came with kdtoolbox, or print one as it is run: kdtoolbox configs [show NAME]."""

import argparse
import contextlib
import itertools
import re
import sys

from kdtoolbox.config_files.finding import find_config, packaged_configs
from kdtoolbox.terminal import table_text

LONGEST = 110  # characters of a line of the list
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
    rows = [(name, first_sentence(file.read_text(encoding='utf-8'))) for name, file in packaged_configs().items()]
    print(table_text(rows, num_left=2))
    return 0


def first_sentence(text: str) -> str:
    """The first sentence of the comment that a config begins with; of a long one the part before a comma or colon.

    >>> first_sentence("# Hinton, arXiv:1503.02531; the weight is that\\n# of most code. It is 0.9.\\nmodel = dict()")
    'Hinton, arXiv:1503.02531; the weight is that of most code.'
    """
    lines = itertools.takewhile(lambda line: line.startswith('#'), text.splitlines())
    comment = ' '.join(line.lstrip('# ') for line in lines)
    sentence = re.split(r'(?<=\.)\s', comment, maxsplit=1)[0].replace('`', '')
    if len(sentence) <= LONGEST:
        return sentence
    shorter = re.match(rf'.{{20,{LONGEST}}}(?=[,;:]\s)', sentence)
    return f'{shorter[0] if shorter else sentence[:LONGEST].rpartition(" ")[0]} …'
