"""The table of docs/results.md: add a row from a run, compute the chance level, print the tables."""

import argparse
import contextlib
import sys
from pathlib import Path

from kdtoolbox.cli.catalogue import entries
from kdtoolbox.reporting.chance_level import chance_rows
from kdtoolbox.reporting.measured_row import measured_row
from kdtoolbox.reporting.model_index import INDEX, METAFILE, index_text, metafile_text
from kdtoolbox.reporting.results_table import CHANCE, MEASURED, PAGE, read_rows, replaced, updated_page, write_json
from kdtoolbox.safe_files import write_aside


def run(args: argparse.Namespace) -> int:
    rows = read_rows(args.docs)
    changed = None
    if args.action == 'index':
        return _write_index(args.docs.absolute().parent, rows[MEASURED])
    if args.action == 'add':
        row = measured_row(
            args.source,
            data_set=args.data_set,
            protocol=args.protocol,
            name=args.name,
            checkpoint=args.checkpoint,
            config=args.config,
            chance=rows[CHANCE].get(args.data_set),
        )
        changed, rows[MEASURED] = MEASURED, replaced(rows[MEASURED], row)
    elif args.action == 'chance':
        changed, rows[CHANCE] = CHANCE, {**rows[CHANCE], args.data_set: chance_rows(args.annotations, args.data_set)}
    page = updated_page(args.docs, rows)
    if changed:  # only now: rows that cannot be printed are not kept
        write_json(rows[changed], args.docs / changed)
    write_aside(args.docs / PAGE, page)
    print(f'wrote {args.docs / PAGE}' + (f' and {args.docs / changed}' if changed else ''))
    return 0


def _write_index(repository: Path, measured: list) -> int:
    configs = repository / 'configs'
    if not configs.is_dir():
        raise ValueError(f'{configs}: no such folder. The index is of a checkout: --docs is its folder docs')
    cards = {entry.name: entry.card for entry in entries('losses') if entry.card is not None}
    with contextlib.redirect_stdout(sys.stderr):  # where mmengine says what it reads
        text = metafile_text(configs, measured, cards)
    write_aside(repository / METAFILE, text)
    write_aside(repository / INDEX, index_text())
    print(f'wrote {repository / INDEX} and {repository / METAFILE}')
    return 0
