"""Checks of the config: numbers that are legal but probably wrong."""

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from mmengine.runner.checkpoint import get_torchvision_models

from kdtoolbox.arguments import did_you_mean
from kdtoolbox.inspection.findings import Finding, error
from kdtoolbox.registry import MODELS

LARGE_RATE = 10
"""A learning rate above it diverges with any loss that is a mean over the batch."""


def unusual_weights(model: Mapping) -> Iterator[Finding]:
    """Terms with weight 0 or a negative weight."""
    written = model.get('terms') or {}
    if not isinstance(written, Mapping):
        yield error(f'model.terms is {written!r}: expected a dict, name -> term; for none, model.terms=None')
        return
    terms = {name: term.get('weight', 1.0) for name, term in written.items()}
    if 'weight' in model:
        terms['mutual'] = model['weight']
    if isinstance(model.get('adversarial'), Mapping):
        terms['adversarial'] = model['adversarial'].get('weight', 1.0)
    for name, weight in terms.items():
        if not _is_number(weight):
            yield error(f'term {name!r} has weight {weight!r}: expected a number')
        elif weight < 0:
            yield Finding(f'term {name!r} has weight {weight}: the student learns to disagree. Is the sign meant?')
        elif not weight:
            yield Finding(f'term {name!r} has weight 0: it is left out')


def unusual_schedule(config: Mapping) -> Iterator[Finding]:
    """A training without epochs, or a learning rate that is 0 or too high."""
    length = config.get('train_cfg') or {}
    for name in ('max_epochs', 'max_iters'):
        if length.get(name) is not None and not _is_number(length[name]):
            yield error(f'train_cfg.{name} is {length[name]!r}: expected a whole number')
        elif length.get(name) is not None and length[name] < 1:
            yield error(f'train_cfg.{name} is {length[name]}: nothing would be trained, set 1 or more')
    wrapper = config.get('optim_wrapper') or {}
    players = {f'{name}.': one for name, one in wrapper.items() if isinstance(one, Mapping) and 'optimizer' in one}
    for name, player in (players or {'': wrapper}).items():
        rate = (player.get('optimizer') or {}).get('lr')
        where = f'optim_wrapper.{name}optimizer.lr'
        if rate is not None and not _is_number(rate):
            yield error(f'{where} is {rate!r}: expected a number')
        elif rate is not None and rate <= 0:
            yield Finding(f'{where} is {rate}: nothing would be learned')
        elif rate is not None and rate > LARGE_RATE:
            yield Finding(f'{where} is {rate:g}: the training will most likely diverge; usual are 0.0001 to 1')


def averages_that_never_start(config: Mapping) -> Iterator[Finding]:
    """An average of the weights (EMAHook) that would begin after the end of the training."""
    length = config.get('train_cfg') or {}
    for hook in (hook for hook in config.get('custom_hooks') or () if isinstance(hook, Mapping)):
        for begin, end in (('begin_epoch', 'max_epochs'), ('begin_iter', 'max_iters')):
            starts, ends = hook.get(begin) or 0, length.get(end) or math.inf
            if hook.get('type') == 'EMAHook' and _is_number(starts) and _is_number(ends) and starts > ends:
                yield error(
                    f'EMAHook has {begin} {starts}, but the training ends at {end} {ends}: nothing would move the '
                    'average'
                )


def averages_of_what_grows(config: Mapping) -> Iterator[Finding]:
    """An average of the weights (EMAHook) beside a loss whose buffers get a row for each video."""
    hooks = [hook for hook in config.get('custom_hooks') or () if isinstance(hook, Mapping)]
    terms = (config.get('model') or {}).get('terms') or {}
    if not any(hook.get('type') == 'EMAHook' for hook in hooks):
        return
    for name, term in terms.items():
        for kind in _kinds((term or {}).get('loss')):
            if getattr(MODELS.get(kind) if isinstance(kind, str) else kind, 'growing_buffers', ()):
                yield error(
                    f'EMAHook averages the whole model, but the loss of term {name!r}, {kind!r}, keeps a row for each '
                    'video that it has seen, so its size changes: leave one of the two out'
                )


def _kinds(loss: object) -> Iterator[object]:
    """The type of a loss, and those of the losses in it."""
    if isinstance(loss, Mapping):
        if 'type' in loss:
            yield loss['type']
        for value in loss.values():
            yield from _kinds(value)


def unusual_sampling(config: Mapping) -> Iterator[Finding]:
    """Clips that repeat one frame."""
    for name in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        for transform in _transforms((config.get(name) or {}).get('dataset')):
            interval = transform.get('frame_interval', transform.get('frame_stride', 1))
            if str(transform.get('type', '')).startswith('Sample') and interval is not None and interval < 1:
                yield error(
                    f'{name}: {transform["type"]} has frame_interval {interval}, so a clip would be one frame over and '
                    'over: set 1 or more'
                )


def empty_batches(config: Mapping) -> Iterator[Finding]:
    """Loaders whose batches would hold nothing."""
    for name in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        size = (config.get(name) or {}).get('batch_size', 1)
        if isinstance(size, int) and size < 1:
            yield error(f'{name}.batch_size is {size}: set 1 or more')


def readers_of_wrong_frames(config: Mapping) -> Iterator[Finding]:
    """Pipelines that read videos by decord's or OpenCV's index, which for many files is that of another frame."""
    for name in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        types = [str(transform.get('type', '')) for transform in _transforms((config.get(name) or {}).get('dataset'))]
        wrong = [kind for kind in types if kind in ('DecordInit', 'OpenCVInit', 'PIMSInit')]
        if wrong:
            yield Finding(
                f'{name}: {wrong[0]} reads other frames than the ones asked for from many files, silently '
                '(docs/right_frames.md): use OpenVideo and DecodeClip instead of it and its decoder'
            )


def swapped_colours(model: Mapping) -> Iterator[Finding]:
    """``to_rgb`` on frames that are RGB already: every decoder here and in mmaction2 gives RGB."""
    for name in ('student', 'teacher'):
        preprocessor = ((model.get(name) or {}).get('recognizer', model.get(name) or {})).get('data_preprocessor') or {}
        if preprocessor.get('to_rgb'):
            yield Finding(
                f'model.{name}.data_preprocessor has to_rgb=True, which swaps red and blue of frames that are RGB '
                'already: leave it out, unless the weights were learned on BGR'
            )


def absent_weights(model: Mapping) -> Iterator[Finding]:
    """Weights, not there, that the student or a peer is to start from; teachers refuse theirs themselves."""
    for name in ('student', 'peers'):
        for path, weights in _pretrained(model.get(name), f'model.{name}'):
            scheme, _, entry = weights.rpartition('://')
            if scheme == 'torchvision' and entry not in (known := get_torchvision_models()):
                yield error(
                    f'{path}: torchvision has no {entry!r}: {did_you_mean(entry, sorted(known), what="it has")}'
                )
            elif not scheme and not Path(weights).expanduser().is_file():
                yield error(f'{path} is {weights!r}: no such file')


def _pretrained(value, path: str) -> Iterator[tuple[str, str]]:
    """Path and name of all weights that mmengine loads when it initialises a network of this config."""
    if not isinstance(value, Mapping):
        return
    for key, item in value.items():
        if isinstance(item, str) and (
            key == 'pretrained' or (key == 'checkpoint' and value.get('type') == 'Pretrained')
        ):
            yield f'{path}.{key}', item
        yield from _pretrained(item, f'{path}.{key}')


def _is_number(value) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _transforms(dataset) -> Iterator[Mapping]:
    """Every transform of the pipelines below a data set's config."""
    if isinstance(dataset, Mapping):
        yield from (one for one in dataset.get('pipeline') or () if isinstance(one, Mapping))
        dataset = [dataset.get('dataset'), *(dataset.get('datasets') or ())]
    if isinstance(dataset, Sequence) and not isinstance(dataset, str):
        for one in dataset:
            yield from _transforms(one)
