"""A row of docs/results.md from a run: its numbers and their provenance."""

import json
import re
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from kdtoolbox.config_files.finding import find_config
from kdtoolbox.engine.checkpoints import load_checkpoint
from kdtoolbox.engine.full_test import FULL_TEST
from kdtoolbox.provenance import CONTENT, PROVENANCE, named_by_content
from kdtoolbox.reporting.results_table import DATA_SETS, PROTOCOLS, agrees_with_chance, read_json

PACKAGES = ('kdtoolbox', 'torch', 'torchvision', 'mmengine', 'mmaction2')
TIME = r'\d{8}_\d{6}'  # that mmengine appends to the name of a run, or names it by


def measured_row(
    source: Path,
    *,
    data_set: str,
    protocol: str,
    name: str,
    checkpoint: Path | None,
    config: str | None,
    chance: Mapping | None,
) -> dict:
    """The row of a run, with its provenance: of its full test where it has one, else of its last validation.

    Raises:
        ValueError: the run holds no such metrics or impossible ones, was on other videos or of another checkpoint, or
            its checkpoint or config is not known.
    """
    if chance is None:
        raise ValueError(
            f'there is no chance row for {DATA_SETS[data_set]} to check the run by: first kdtoolbox '
            f'results chance ANNOTATIONS --data-set {data_set}'
        )
    tested = source / FULL_TEST
    if source.is_dir() and checkpoint is None and tested.is_file():
        (metrics, origin), epoch = read_metrics(tested), None
        named = source / str((origin or {}).get('checkpoint'))
        checkpoint = named if named.is_file() else None
    elif source.is_dir():
        metrics, epoch = last_validation(source, protocol)
        checkpoint, origin = checkpoint or last_checkpoint(source), None
    else:
        (metrics, origin), epoch = read_metrics(source), None
    kind = PROTOCOLS[protocol]
    values = kind.check(metrics, of=str(source), names=kind.columns)
    guessed = kind.check(metrics, of=str(source), names=kind.chances)
    if not agrees_with_chance(guessed, chance[protocol]):
        raise ValueError(
            f'{source}: guessing gives {guessed} there, but {chance[protocol]} on {DATA_SETS[data_set]}: '
            'the run was on other videos or classes'
        )
    facts = _facts(checkpoint, origin, source)
    if epoch is not None and checkpoint is not None and epoch != facts['epoch']:
        raise ValueError(
            f'{source}: the last validation was after epoch {epoch}, but {checkpoint.name} is of epoch '
            f'{facts["epoch"]}: test that checkpoint with tools/test.py --out and give the file instead'
        )
    return {
        'data_set': data_set,
        'protocol': protocol,
        'name': name,
        'values': values,
        **facts,
        'config': _config(config, facts, source),
        'versions_when_recorded': {package: version(package) for package in PACKAGES},
    }


def read_metrics(file: Path) -> tuple[dict, dict | None]:
    """The metrics of a file, and where they come from if it tells.

    Raises:
        ValueError: it is no file of metrics, or tells that they are not of a student's features.
    """
    content = read_json(file) if file.is_file() else None
    if not isinstance(content, dict):
        raise ValueError(f'{file}: expected a work directory or a JSON file of metrics')
    metrics = {key: value for key, value in content.items() if key != PROVENANCE}
    origin = content.get(PROVENANCE)
    if origin is None:
        return metrics, None
    if (
        not isinstance(origin, dict)
        or not {'config', 'checkpoint', 'sha256'} <= origin.keys()
        or not all(value is None or isinstance(value, str) for value in origin.values())
    ):
        raise ValueError(
            f'{file}: {PROVENANCE} is {origin!r}, expected config, checkpoint and sha256, as tools/test.py '
            'and kdtoolbox evaluate-features write them'
        )
    for key, expected in (('of', 'student'), ('layer', 'features')):
        if origin.get(key, expected) != expected:
            raise ValueError(f"{file}: rows are of the student's features, these metrics have {key} = {origin[key]!r}")
    return metrics, origin


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


def _facts(checkpoint: Path | None, origin: Mapping | None, source: Path) -> dict:
    """Facts of the checkpoint, from itself or else from the metrics; its config may be None."""
    if checkpoint is None:
        if origin is None:
            raise ValueError(
                f'{source} does not tell what checkpoint its metrics are of: measure again with --out, or '
                'name the checkpoint with --checkpoint'
            )
        parts = [part for part in (origin['checkpoint'], origin['sha256']) if part is not None]
        return {
            'checkpoint': CONTENT.join(parts) or None,
            'epoch': None,
            'iter': None,
            'seed': None,
            'config': None if parts else _without_suffix(origin['config']),
        }
    meta = load_checkpoint(checkpoint).get('meta') or {}
    named = named_by_content(checkpoint)
    if origin is not None and origin['sha256'] != named.rpartition(CONTENT)[2]:
        tested = (
            f'{origin["checkpoint"]} {origin["sha256"]}' if origin['checkpoint'] else 'a network that was not trained'
        )
        raise ValueError(
            f'{source}: the metrics are of {tested}, not of {named}: leave out --checkpoint, or give the '
            'file that was tested'
        )
    run = meta.get('experiment_name') or ''
    facts = {key: meta.get(key) for key in ('epoch', 'iter', 'seed')}
    if not isinstance(run, str) or not all(value is None or isinstance(value, int) for value in facts.values()):
        raise ValueError(f'{checkpoint}: its experiment_name is {run!r} and {facts}, expected a text and whole numbers')
    config = re.sub(f'_?{TIME}$', '', run) or None
    # A run without a config file, as of an experiment in YAML, is named by its time alone; so is the config it leaves.
    if run and config is None and checkpoint.with_name(f'{run}.py').is_file():
        config = f'{checkpoint.resolve().parent.name}/{run}.py'
    return {'checkpoint': named, 'config': config, **facts}


def _config(given: str | None, facts: Mapping, source: Path) -> str:
    """The name of the config for the row, which is the one given, if any."""
    if given is None:
        if facts['config'] is None:
            what = facts['checkpoint'].partition(CONTENT)[0] if facts['checkpoint'] else 'the file'
            raise ValueError(f'{source}: {what} tells no config: give the one it was trained with, --config NAME')
        return facts['config']
    name = find_config(given).name.removesuffix('.py')
    if not facts['checkpoint'] and facts['config'] not in (None, name):
        raise ValueError(f'{source}: the metrics are of a network of {facts["config"]}, not of --config {given}')
    return name


def _without_suffix(config: str | None) -> str | None:
    return None if config in (None, 'none') else config.removesuffix('.py')
