"""The table of docs/results.md: fill a row from a run, compute chance, print it anew."""

import argparse
import json
import re
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import torch

from kdtoolbox.cli.results_table import (CHANCE, DATA_SETS, MEASURED, PAGE, PROTOCOLS, PUBLISHED, agrees_with_chance,
                                         read_json, render, replaced, write_json)
from kdtoolbox.datasets.hmdb51 import read_hmdb51
from kdtoolbox.datasets.ucf101 import read_ucf101
from kdtoolbox.evaluation.clip_retrieval import chance_topk
from kdtoolbox.safe_files import load_safely, sha256_of, write_aside

READERS = {'ucf101': read_ucf101, 'hmdb51': read_hmdb51}
SPLIT = 1  # the one that the published rows of clip retrieval are of
PACKAGES = ('kdtoolbox', 'torch', 'torchvision', 'mmengine', 'mmaction2')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest='action', required=True)
    add = actions.add_parser('add', help='fill a row')
    add.add_argument('source', type=Path, help='a work directory, whose last validation is taken, or the JSON that '
                     'tools/test.py or kdtoolbox evaluate-features wrote with --out')
    add.add_argument('--data-set', choices=list(DATA_SETS), required=True, help='that was evaluated on')
    add.add_argument('--protocol', choices=list(PROTOCOLS), required=True)
    add.add_argument('--name', required=True, help='of the row; one of that name is replaced')
    add.add_argument('--checkpoint', type=Path, help='that was tested; of a work directory, the last one')
    add.add_argument('--config', help="where the checkpoint does not tell it: an exported student's, or that of an "
                     'untrained network, which has no checkpoint')
    chance = actions.add_parser('chance', help="compute a data set's chance row from its annotations")
    chance.add_argument('annotations', type=Path, help="the folder of the data set's official split files")
    chance.add_argument('--data-set', choices=list(DATA_SETS), required=True)
    for action in (add, chance, actions.add_parser('render', help='print the tables anew')):
        action.add_argument('--docs', type=Path, default=Path('docs'), help='folder of the page (default docs)')


def run(args: argparse.Namespace) -> int:
    rows = {file: read_json(args.docs / file) for file in (CHANCE, PUBLISHED, MEASURED)}
    changed = None
    if args.action == 'add':
        row = measured_row(args.source, data_set=args.data_set, protocol=args.protocol, name=args.name,
                           checkpoint=args.checkpoint, config=args.config, chance=rows[CHANCE].get(args.data_set))
        changed, rows[MEASURED] = MEASURED, replaced(rows[MEASURED], row)
    elif args.action == 'chance':
        changed, rows[CHANCE] = CHANCE, {**rows[CHANCE], args.data_set: chance_rows(args.annotations, args.data_set)}
    page_file = args.docs / PAGE
    if not page_file.is_file():
        raise ValueError(f'{page_file}: no such file')
    page = render(page_file.read_text(encoding='utf-8'), chance=rows[CHANCE], published=rows[PUBLISHED],
                  measured=rows[MEASURED])
    if changed:  # only now: rows that cannot be printed are not kept
        write_json(rows[changed], args.docs / changed)
    write_aside(page_file, page)
    print(f'wrote {page_file}' + (f' and {args.docs / changed}' if changed else ''))
    return 0


def chance_rows(annotations: Path, data_set: str) -> dict:
    """What guessing gives on the official split: in retrieval, and in classification."""
    classes = READERS[data_set](annotations, split=SPLIT, subset='training')[1]
    gallery, queries = (torch.tensor([classes.index(video.label)
                                      for video in READERS[data_set](annotations, split=SPLIT, subset=subset)[0]])
                        for subset in ('training', 'validation'))
    topk = [int(column.removeprefix('top-')) for column in PROTOCOLS['retrieval'].columns]
    shares = chance_topk(queries, gallery, topk)
    return {'split': SPLIT, 'num_classes': len(classes), 'num_gallery': len(gallery), 'num_queries': len(queries),
            'retrieval': {f'top-{k}': share for k, share in shares.items()}, 'finetune': {'top-1': 1 / len(classes)}}


def measured_row(source: Path, *, data_set: str, protocol: str, name: str, checkpoint: Path | None,
                 config: str | None, chance: Mapping | None) -> dict:
    """The row of a run, with what it takes to trace it.

    Raises:
        ValueError: the run holds no such metrics or impossible ones, was on other videos, or its config is not known.
    """
    if chance is None:
        raise ValueError(f'there is no chance row for {DATA_SETS[data_set]} to check the run by: first kdtoolbox '
                         f'results chance ANNOTATIONS --data-set {data_set}')
    if source.is_dir():
        metrics, epoch = last_validation(source, protocol)
        checkpoint = checkpoint or last_checkpoint(source)
    else:
        metrics, epoch = read_json(source) if source.is_file() else None, None
    if not isinstance(metrics, dict):
        raise ValueError(f'{source}: expected a work directory or a JSON file of metrics')
    kind = PROTOCOLS[protocol]
    values = kind.check(metrics, of=str(source), names=kind.columns)
    guessed = kind.check(metrics, of=str(source), names=kind.chances)
    if not agrees_with_chance(guessed, chance[protocol]):
        raise ValueError(f'{source}: guessing gives {guessed} there, but {chance[protocol]} on {DATA_SETS[data_set]}: '
                         'the run was on other videos or classes')
    facts = _facts(checkpoint) if checkpoint else {'checkpoint': None, 'epoch': None, 'seed': None, 'config': None}
    if epoch is not None and epoch != facts['epoch']:
        raise ValueError(f'{source}: the last validation was after epoch {epoch}, but {checkpoint.name} is of epoch '
                         f'{facts["epoch"]}: test that checkpoint with tools/test.py --out and give the file instead')
    config = config or facts['config']
    if config is None:
        raise ValueError(f'{source}: {checkpoint.name if checkpoint else "no --checkpoint"} tells no config: give '
                         '--config NAME')
    return {'data_set': data_set, 'protocol': protocol, 'name': name, 'values': values, **facts, 'config': config,
            'versions_when_recorded': {package: version(package) for package in PACKAGES}}


def last_validation(work_dir: Path, protocol: str) -> tuple[dict, int]:
    """The last validation of the runs in ``work_dir`` that holds the protocol's metrics, and its epoch.

    Raises:
        ValueError: there is none.
    """
    wanted = set(PROTOCOLS[protocol].columns.values())
    found = None
    for file in sorted(work_dir.glob('*/vis_data/scalars.json')):  # folders are named by time
        for line in file.read_text(encoding='utf-8').splitlines():
            try:
                entry = json.loads(line)
            except json.JSONDecodeError:  # of a run that was killed while writing
                continue
            found = entry if wanted <= entry.keys() else found
    if found is None:
        raise ValueError(f'{work_dir}: no validation with {", ".join(sorted(wanted))} in its */vis_data/scalars.json')
    return found, found['step']


def last_checkpoint(work_dir: Path) -> Path:
    """The checkpoint that mmengine says it wrote last.

    Raises:
        ValueError: it is not there.
    """
    note = work_dir / 'last_checkpoint'
    # By name: the folder may have been moved since.
    file = work_dir / Path(note.read_text(encoding='utf-8').strip()).name if note.is_file() else None
    if file is None or not file.is_file():
        raise ValueError(f'{work_dir}: its last checkpoint is not there; name one with --checkpoint')
    return file


def _facts(checkpoint: Path) -> dict:
    meta = load_safely(checkpoint, what='checkpoint').get('meta') or {}
    name = re.sub(r'_?\d{8}_\d{6}$', '', meta.get('experiment_name') or '')  # mmengine appends the time
    return {'checkpoint': f'{checkpoint.name} sha256:{sha256_of(checkpoint)}', 'config': name or None,
            **{key: meta.get(key) for key in ('epoch', 'iter', 'seed')}}
