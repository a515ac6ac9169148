"""The runs of a sweep: which there are, and training those that are not finished."""

import gc
import hashlib
import itertools
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from mmengine.config import Config

from kdtoolbox.config_files.config_options import ConfigOptions
from kdtoolbox.config_files.keys import refuse_unknown_keys
from kdtoolbox.config_files.overriding import merge_options
from kdtoolbox.engine.whole_checkpoints import newest_whole_checkpoint
from kdtoolbox.plain_files import read_json
from kdtoolbox.reporting.runs.scalars import read_curves
from kdtoolbox.runner.training import train
from kdtoolbox.safe_files import write_aside

FINISHED = 'sweep_run.json'  # in a run's folder, when its training is done


@dataclass(frozen=True)
class SweepRun:
    """One run of a sweep.

    Args:
        folder: its work directory.
        options: the settings that make it another run than the others.
        metrics: name -> value at each validation, in order.
        seconds: that it trained for, the last time.
        error: why it did not get to its end, else ''.
    """

    folder: Path
    options: Mapping
    metrics: Mapping[str, Sequence[float]] = field(default_factory=dict)
    seconds: float = 0.0
    error: str = ''

    def best(self, metric: str, *, largest: bool = True) -> float | None:
        """The best value of a metric over the validations; None if there is none."""
        values = self.metrics.get(metric)
        return None if not values else max(values) if largest else min(values)


def split_values(text: str) -> list[str]:
    """The values between commas, but not between those in brackets.

    >>> split_values('1,(2,3),[4,(5,6)]')
    ['1', '(2,3)', '[4,(5,6)]']
    """
    parts, depth = [''], 0
    for letter in text:
        depth += (letter in '([') - (letter in ')]')
        if letter == ',' and depth == 0:
            parts.append('')
        else:
            parts[-1] += letter
    return parts


def read_choices(choices: Sequence[str]) -> dict[str, list]:
    """Setting -> its values, of ``KEY=A,B,C``.

    Raises:
        ValueError: a setting is named twice, or has a value twice.
    """
    found: dict[str, list] = {}
    for choice in choices:
        key, _, text = choice.partition('=')
        values = [ConfigOptions._parse_iterable(value) for value in split_values(text)]
        if key in found:
            raise ValueError(f'--set {key} is given twice: give all its values at once, {key}=A,B,C')
        if len({repr(value) for value in values}) < len(values):
            raise ValueError(f'--set {choice}: a value is there twice')
        found[key] = values
    return found


def combinations(choices: Mapping[str, Sequence]) -> Iterator[dict]:
    """All combinations of values, the last setting changing fastest.

    >>> list(combinations({'a': [1, 2], 'b': ['x']}))
    [{'a': 1, 'b': 'x'}, {'a': 2, 'b': 'x'}]
    """
    for values in itertools.product(*choices.values()):
        yield dict(zip(choices, values, strict=True))


def short_names(keys: Sequence[str]) -> dict[str, str]:
    """Setting -> the shortest end of its path that no other has.

    >>> short_names(['model.terms.kd.weight', 'model.terms.kl.weight', 'optim_wrapper.optimizer.lr'])
    {'model.terms.kd.weight': 'kd.weight', 'model.terms.kl.weight': 'kl.weight', 'optim_wrapper.optimizer.lr': 'lr'}
    """
    names = {}
    for key in keys:
        parts = key.split('.')
        ends = ['.'.join(parts[-length:]) for length in range(1, len(parts) + 1)]
        names[key] = next(end for end in ends if sum(f'.{other}'.endswith(f'.{end}') for other in keys) == 1)
    return names


def folder_name(options: Mapping) -> str:
    """The name of a run's folder: its settings, with a part of their hash where they are long or not plain letters.

    >>> folder_name({'optim_wrapper.optimizer.lr': 0.1, 'randomness.seed': 1})
    'lr=0.1,seed=1'
    """
    names = short_names(list(options))
    text = ','.join(f'{names[key]}={value}' for key, value in options.items())
    plain = re.sub(r'[^\w.,=+-]+', '_', text)
    if plain == text and len(text) <= 80:
        return text
    return f'{plain[:80]}-{hashlib.sha256(repr(dict(options)).encode()).hexdigest()[:8]}'


def run_of(folder: Path, base: Config, options: Mapping, *, train_it: Callable[[Config], None] = train) -> SweepRun:
    """Train with these settings, go on with what was interrupted, or read what is finished.

    An error of one run is kept, so that the others go on; Ctrl-C ends all.

    Raises:
        ValueError: the folder holds a finished run of another config, or a setting is not one of the config.
    """
    config = Config(base.to_dict(), filename=base.filename)
    merge_options(config, dict(options))
    refuse_unknown_keys(config)
    identity = _identity(config)
    if (folder / FINISHED).is_file():
        return _finished(folder, options, identity)
    config.work_dir, config.launcher = str(folder), 'none'
    config.experiment_name = f'{folder.parent.name}_{folder.name}'
    if (interrupted := newest_whole_checkpoint(folder)) is not None:
        config.resume, config.load_from = True, interrupted
    start = time.monotonic()
    try:
        train_it(config)
    except (ValueError, RuntimeError, KeyError, OSError) as error:  # such as a loss that is not finite, or no memory
        return SweepRun(folder, options, _metrics(folder), time.monotonic() - start, _words(error))
    finally:
        gc.collect()
        torch.cuda.empty_cache()
    seconds = round(time.monotonic() - start, 1)
    content = {'options': dict(options), 'config': identity, 'seconds': seconds}
    write_aside(folder / FINISHED, json.dumps(content, indent=2) + '\n')
    return SweepRun(folder, options, _metrics(folder), seconds)


def _finished(folder: Path, options: Mapping, identity: str) -> SweepRun:
    content = read_json(folder / FINISHED, max_bytes=1_000_000)
    if not isinstance(content, dict) or content.get('config') != identity:
        raise ValueError(
            f'{folder} holds a finished run of another config: name another folder, --work-dir, or remove it'
        )
    return SweepRun(folder, options, _metrics(folder), float(content.get('seconds', 0)))


def _metrics(folder: Path) -> dict[str, list[float]]:
    return {name: list(curve.values()) for name, curve in read_curves(folder).validation.items()}


def _identity(config: Config) -> str:
    """A hash of all settings but the place."""
    settings = {key: value for key, value in config.to_dict().items() if key not in ('work_dir', 'launcher')}
    return hashlib.sha256(json.dumps(settings, sort_keys=True, default=repr).encode()).hexdigest()


def _words(error: Exception) -> str:
    return (str(error.args[0] if error.args else error).strip().splitlines() or [type(error).__name__])[0]
