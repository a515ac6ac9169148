"""Write a new loss, teacher, connector, data set or plugin, with its test, to start from."""

import argparse
from pathlib import Path
from shlex import quote

from kdtoolbox.templates.writer import KINDS, write_start

EXAMPLE = 'kdtoolbox new loss MyLoss --to my_losses'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('kind', choices=list(KINDS))
    parser.add_argument(
        'name', help='name of the class, such as MyLoss; for a plugin, of its package, such as my_plugin'
    )
    parser.add_argument('--to', default='.', help='folder for the files; default: the current one')


def run(args: argparse.Namespace) -> int:
    files, use = write_start(args.kind, args.name, args.to)
    for file in files:
        print(f'wrote {file}')
    print(f'Test it: python -m pytest {quote(str(files[-1]))}\nUse it: {use}')
    if args.kind != 'plugin':
        print(f'Python finds it by its folder: PYTHONPATH={quote(str(Path(args.to).absolute()))} kdtoolbox …')
    return 0
