"""List what can be named in configs, plugins included: losses, connectors, teachers and more."""

import argparse
from collections.abc import Sequence

from kdtoolbox.reporting.catalogue import KINDS, Entry, entries
from kdtoolbox.terminal import table_text

EXAMPLE = 'kdtoolbox list losses'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('kind', nargs='?', choices=[*KINDS, 'all'], default='all')
    parser.add_argument('--markdown', action='store_true', help='the table of docs/methods.md; of our losses only')


def run(args: argparse.Namespace) -> int:
    if args.markdown:
        if args.kind != 'losses':
            raise ValueError(
                f'list {args.kind} --markdown: only losses have a table of methods. Run: list losses --markdown'
            )
        from kdtoolbox.reporting.methods_table import methods_table  # reads configs, by mmengine

        print(
            methods_table(
                {entry.name: entry.card for entry in entries('losses') if entry.source == 'kdtoolbox' and entry.card}
            )
        )
        return 0
    for kind in KINDS if args.kind == 'all' else [args.kind]:
        print(f'{kind}\n{text_of(entries(kind))}\n')
    return 0


def text_of(listed: Sequence[Entry]) -> str:
    """One or two lines a class: the name and what it is; paper and needs where it has a card.

    >>> print(text_of([Entry('L1', 'Mean absolute difference', 'kdtoolbox', None)]))
      L1  Mean absolute difference
    """
    rows = []
    for entry in listed:
        origin = '' if entry.source == 'kdtoolbox' else f' [{entry.source}]'
        rows.append((entry.name, f'{entry.summary}{origin}'))
        if entry.card is not None:
            needs = (*entry.card.needs, *entry.card.least)
            rows.append(('', f'{entry.card.paper}; needs {", ".join(needs) or "nothing more"}'))
    return table_text(rows, num_left=2)
