"""Differences between a resumed training and the config in its checkpoint."""

import ast
import re
from collections.abc import Iterator, Mapping

from kdtoolbox.inspection.findings import Finding, error, listed

COMPARED = ('model', 'train_dataloader', 'train_cfg', 'optim_wrapper', 'param_scheduler')
OF_THE_MACHINE = re.compile(r'.*\.(num_workers|persistent_workers|pin_memory|prefetch_factor|chunk_size|compile)')
OF_THE_OPTIMIZER = re.compile(r'optim_wrapper\.(\w+\.)?optimizer\..*')
IN_AN_EPOCH = 'interrupted'  # in the meta of a checkpoint that was not written at the end of an epoch
START_ANEW = 'To train on from its weights otherwise: --cfg-options load_from=CHECKPOINT, without --resume'
MAX_LETTERS = 500_000  # a whole config has some ten thousands
MAX_NAMED = 6


def resumed_otherwise(meta: Mapping, config: Mapping, *, steps_now: int) -> Iterator[Finding]:
    """Errors for settings that a resumed training cannot change, warnings for other changes.

    Args:
        meta: of the checkpoint, as mmengine writes it.
        config: of the training that goes on.
        steps_now: in an epoch.
    """
    epoch, step = meta.get('epoch') or 0, meta.get('iter') or 0
    if meta.get(IN_AN_EPOCH) or _writes_in_an_epoch(config):  # or at its end
        is_as_before = epoch * steps_now <= step <= (epoch + 1) * steps_now
    else:
        is_as_before = not epoch or step % epoch > 0 or step // epoch == steps_now
    if not is_as_before:
        yield error(
            f'an epoch has {steps_now} steps, of the training that is resumed it had {step // max(1, epoch)}: the '
            'batch size, the number of processes or the data set is another, and the learning rate goes by steps. Set '
            f'them as they were. {START_ANEW}'
        )
    then = read_plain_config(meta.get('cfg'))
    if then is None:
        return
    changed = dict(differences({key: then.get(key) for key in COMPARED}, {key: config.get(key) for key in COMPARED}))
    stuck = [name for name in changed if OF_THE_OPTIMIZER.fullmatch(name)]
    if stuck:
        yield error(
            f'{_words(changed, stuck)}: a resumed training goes on with the optimizer of its checkpoint, so this would '
            f'change nothing. Set it as it was. {START_ANEW}'
        )
    schedule = [name for name in changed if name.startswith('param_scheduler')]
    if schedule:
        yield Finding(f'{_words(changed, schedule)}: the schedule stays that of the checkpoint, which is resumed')
    others = [name for name in changed if name not in {*stuck, *schedule}]
    if others:
        yield Finding(f'not as in the training that is resumed: {_words(changed, others)}')


def _writes_in_an_epoch(config: Mapping) -> bool:
    """Whether checkpoints are written every so many steps."""
    checkpoint = (config.get('default_hooks') or {}).get('checkpoint') or {}
    return checkpoint.get('by_epoch') is False


def read_plain_config(text: str | None) -> dict | None:
    """The settings in the text that mmengine stores of a config; nothing in it is run.

    Returns:
        None where there is no text, or it holds anything but plain values.

    >>> read_plain_config("model = dict(type='A', size=(1, 2), terms=dict({'a-b': -1.5}))")
    {'model': {'type': 'A', 'size': (1, 2), 'terms': {'a-b': -1.5}}}
    >>> read_plain_config("model = __import__('os').getcwd()") is None
    True
    """
    if not isinstance(text, str) or len(text) > MAX_LETTERS or re.search(r'[-+~]\s*[-+~]', text):
        return None  # long rows of signs bring Python's own parser down
    try:
        settings = {}
        for statement in ast.parse(text).body:
            if not isinstance(statement, ast.Assign) or not isinstance(statement.targets[0], ast.Name):
                return None
            settings[statement.targets[0].id] = _plain(statement.value)
        return settings
    except (SyntaxError, ValueError, TypeError, AttributeError, RecursionError, MemoryError):
        return None


def differences(then, now, path: str = '') -> Iterator[tuple[str, tuple]]:
    """Path -> (before, now) of the values that are not the same; lists and tuples are."""
    if isinstance(then, Mapping) and isinstance(now, Mapping):
        for key in sorted({*then, *now}, key=str):
            yield from differences(then.get(key), now.get(key), f'{path}.{key}' if path else str(key))
    elif isinstance(then, (list, tuple)) and isinstance(now, (list, tuple)) and len(then) == len(now):
        for index, pair in enumerate(zip(then, now)):
            yield from differences(*pair, f'{path}.{index}')
    elif then != now and not OF_THE_MACHINE.fullmatch(path):
        yield path, (then, now)


def _plain(node: ast.expr | None):
    if node is None:
        raise ValueError('{**…} is not as mmengine writes it')
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == 'dict':
        if any(keyword.arg is None for keyword in node.keywords):
            raise ValueError('dict(**…) is not as mmengine writes it')
        return {
            **{key: value for one in node.args for key, value in _plain(one).items()},
            **{keyword.arg: _plain(keyword.value) for keyword in node.keywords},
        }
    if isinstance(node, ast.Dict):
        return {_plain(key): _plain(value) for key, value in zip(node.keys, node.values, strict=True)}
    if isinstance(node, (ast.List, ast.Tuple)):
        return (list if isinstance(node, ast.List) else tuple)(_plain(item) for item in node.elts)
    return ast.literal_eval(node)


def _words(changed: Mapping[str, tuple], names: list[str]) -> str:
    return listed(
        [f'{name} was {_short(changed[name][0])}, is {_short(changed[name][1])}' for name in names], MAX_NAMED
    )


def _short(value) -> str:
    words = repr(value)
    return words if len(words) <= 40 else f'{words[:37]}…'
