"""Checking that every key of a config is used, before anything is built."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from mmengine.config import Config
from mmengine.registry import FUNCTIONS, Registry
from torch.nn.utils import clip_grad_norm_, clip_grad_value_

from kdtoolbox import registry
from kdtoolbox.arguments import arguments_of, did_you_mean, nearest_names, unknown_argument
from kdtoolbox.config_files.known_keys import (
    ALSO_READ,
    DEFAULT_CONSTRUCTOR,
    DEFAULT_TYPES,
    LEFT_ALONE,
    LOADERS,
    OF_CUSTOM_KEYS,
    OF_LOADERS,
    OF_PARAMWISE,
    OF_TERMS,
    READ_BY_BUILDERS,
    REGISTRIES,
    RUN_SETTINGS,
    SECTIONS,
    SLIPS_OF_TYPE,
    TAKE_ANY_AND_FAIL,
    WITHOUT_TYPE,
)


def refuse_unknown_keys(config: Config) -> None:
    """Report config keys that nothing reads.

    Raises:
        ValueError: names the keys, and the nearest that are read.
    """
    settings = config.to_dict()
    found = [
        *_slips_at_the_top(settings),
        *(
            f'{path}: {words}'
            for section in sorted(RUN_SETTINGS & config.keys())
            for path, words in _unknown(settings[section], section)
        ),
    ]
    if found:
        more = f' (and {len(found) - 5} more)' if len(found) > 5 else ''
        raise ValueError('; '.join(found[:5]) + more)


def unknown_section(key: str, config: Mapping) -> str:
    """The message for an option whose first part is no section of the config and no setting of a run."""
    first, _, rest = key.partition('.')
    inside = [
        f'{name}.{key}'
        for name in sorted(RUN_SETTINGS & config.keys())
        if isinstance(config[name], Mapping) and first in config[name]
    ]
    nearest = [
        f'{name}.{rest}'.rstrip('.')
        for name in nearest_names(first, sorted({*RUN_SETTINGS, *config}), num=1, cutoff=0.6)
    ]
    if meant := inside or nearest:
        answer = f'did you mean {" or ".join(meant)}?'
    else:
        answer = f'a run reads {", ".join(sorted(RUN_SETTINGS & config.keys()))}'
    return f'--cfg-options {key}=… would change nothing: the config has no {first!r} and no run reads it: {answer}'


def _slips_at_the_top(settings: Mapping) -> Iterator[str]:
    """Keys that are no setting, very like one, and of which no setting was made."""
    used = [value for name in RUN_SETTINGS & settings.keys() for value in _values(settings[name])]
    for name, value in settings.items():
        if name in RUN_SETTINGS or not isinstance(value, (Mapping, list, tuple)) or not value:
            continue
        nearest = nearest_names(name, sorted(RUN_SETTINGS), num=1, cutoff=0.75)
        if nearest and not any(value == other for other in used):
            yield f'nothing reads {name!r}: did you mean {nearest[0]!r}?'


def _values(value) -> Iterator:
    yield value
    for item in value.values() if isinstance(value, Mapping) else value if isinstance(value, (list, tuple)) else ():
        yield from _values(item)


def _unknown(value, path: str, kinds: Registry | None = None) -> Iterator[tuple[str, str]]:
    """Path and words for every key of a part of the config that nothing reads.

    Args:
        value: the part.
        path: where it is.
        kinds: the registry of its types.
    """
    key = path.rpartition('.')[2]
    if key == 'collate_fn' and isinstance(value, Mapping) and FUNCTIONS.get(value.get('type')) is None:
        names = sorted(FUNCTIONS.module_dict)
        yield path, f'there is no function {value.get("type")!r}: {did_you_mean(str(value.get("type")), names)}'
    if key in LEFT_ALONE:
        return
    if key in ('clip_grad', 'paramwise_cfg'):
        yield from _unknown_of_gradients(value, key, path)
        return
    kinds = REGISTRIES.get(key, kinds)
    if isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from _unknown(item, f'{path}.{index}', kinds)
        return
    if not isinstance(value, Mapping):
        return
    yield from ((path, words) for words in _unknown_here(value, key, path, kinds))
    for name, item in value.items():
        if name == 'paramwise_cfg' and value.get('constructor', DEFAULT_CONSTRUCTOR) != DEFAULT_CONSTRUCTOR:
            continue
        if key == 'terms' and isinstance(item, Mapping):
            yield from _unknown_types(item, f'{path}.{name}')
            term = registry.MODELS.get('kdtoolbox.criterion.term.Term')  # imported only where a config is checked
            yield from ((f'{path}.{name}', words) for one in item if (words := unknown_argument(term, one)))
        yield from _unknown(item, f'{path}.{name}', kinds)


def _unknown_types(term: Mapping, path: str) -> Iterator[tuple[str, str]]:
    """The types of a term that no registry has: said now, as teachers are built, and may be fetched, before terms."""
    for part in OF_TERMS:
        for one in term[part] if isinstance(term.get(part), (list, tuple)) else [term.get(part)]:
            kind = one.get('type') if isinstance(one, Mapping) else None
            if isinstance(kind, str):
                try:
                    registry.MODELS.get(kind)
                except KeyError as error:
                    yield f'{path}.{part}', str(error.args[0])


def _unknown_of_gradients(value, key: str, path: str) -> Iterator[tuple[str, str]]:
    """As :func:`_unknown`, of what an OptimWrapper and mmengine's constructor of optimizers read."""
    if not isinstance(value, Mapping):
        return
    if key == 'clip_grad':
        clip = clip_grad_value_ if value.get('type') == 'value' else clip_grad_norm_
        yield from ((path, words) for one in value if one != 'type' and (words := unknown_argument(clip, one)))
        return
    yield from ((path, words) for words in _not_among(value, OF_PARAMWISE))
    for name, item in (value.get('custom_keys') or {}).items():
        if isinstance(item, Mapping):
            yield from ((f'{path}.custom_keys.{name}', words) for words in _not_among(item, OF_CUSTOM_KEYS))


def _not_among(value: Mapping, known: Iterable[str]) -> Iterator[str]:
    yield from (
        f'there is no {name!r} in it: {did_you_mean(name, sorted(known), what="it may have")}'
        for name in sorted(value.keys() - set(known) - {'_delete_'}, key=str)
    )


def _unknown_here(value: Mapping, key: str, path: str, kinds: Registry | None) -> Iterator[str]:
    """Words for the keys of this one dict."""
    if path in LOADERS:
        known = OF_LOADERS
    elif path == 'default_hooks':
        built = [name for name, hook in value.items() if not isinstance(hook, Mapping) or 'type' in hook]
        yield from (
            f'{name!r} has no type, so it is no hook: {did_you_mean(name, built, what="there are")}'
            for name in value
            if name not in built
        )
        return
    elif path in SECTIONS:
        known = SECTIONS[path]
    else:
        name = value.get('type', _default_type(path, value))
        thing = WITHOUT_TYPE.get(key) if name is None else _class_of(name, kinds)
        also = ALSO_READ | READ_BY_BUILDERS.get(path.split('.')[0], set())
        if thing is not None:
            for name in sorted(value.keys() - also, key=str):
                if words := unknown_argument(thing, name):
                    yield words + _left_over(words)
                elif name in SLIPS_OF_TYPE:  # of a class that takes any argument, and gives it to one that does not
                    yield f"there is no {name!r} in it: did you mean 'type'?"
                elif words := _fails_on(thing, name, value):
                    yield words + _left_over(words)
        if path == 'train_cfg' and {'type', 'by_epoch'} <= value.keys():
            yield "'type' and 'by_epoch' both say which loop it is: keep one of them"
        return
    yield from _not_among(value, known)


def _fails_on(thing: Callable, name: str, value: Mapping) -> str | None:
    """Words for an argument of a class that seems to take any, but takes none besides those it names."""
    if thing.__name__ not in TAKE_ANY_AND_FAIL or not thing.__module__.startswith(('mm', 'kdtoolbox.')):
        return None
    known = arguments_of(thing)[0]
    if thing.__name__ == 'EMAHook':  # hands the others on
        average = _class_of(value.get('ema_type', 'ExponentialMovingAverage'), registry.MODELS)
        known += () if average is None else arguments_of(average)[0]
    return None if name in known else f'{thing.__name__} has no argument {name!r}: {did_you_mean(name, known)}'


def _default_type(path: str, value: Mapping) -> str | None:
    if path == 'train_cfg':
        return 'EpochBasedTrainLoop' if value.get('by_epoch', True) else 'IterBasedTrainLoop'
    return 'OptimWrapper' if path == 'optim_wrapper' and 'optimizer' in value else DEFAULT_TYPES.get(path)


def _left_over(words: str) -> str:
    """Where the key may come from if it is like none of the class's own."""
    return (
        ''
        if 'did you mean' in words
        else ('. If it is left over from another type in a base of the config, add _delete_=True beside the new type')
    )


def _class_of(name, kinds: Registry | None) -> Callable | None:
    """The class or function of this name, None if it is not of a registry; building says what is not there at all."""
    if not isinstance(name, str):
        return name if callable(name) else None
    if kinds is None:
        return None
    try:
        return kinds.get(name)
    except KeyError:
        return None
