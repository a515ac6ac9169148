"""What configs of data may name as a class: what some registry knows."""

import re
from collections.abc import Iterator, Mapping

import mmengine.registry
import torchvision

from kdtoolbox import registry
from kdtoolbox.engine.plain_values import refuse_unknown_types

# mmaction2 reads these from configs itself: they name parts, and are looked up in no registry.
PARTS = {'AvgConsensus', 'STPP', 'resnet2d', 'resnet3d'}
# Libraries that mmaction2's recognizers take 2D backbones from; it imports them by these very words.
LIBRARIES = re.compile(r'(timm|mmcls|mmpretrain)\.\w+')
_SCOPES = ('_scope_', 'default_scope')
_TYPES = ('constructor', 'runner_type')  # names of classes, beside ``type``


def refuse_unregistered(content: Mapping, *, what: str) -> None:
    """Refuse a config of data that names a class which is in no registry: mmengine would import and call it.

    Raises:
        ValueError: it does; the message names it.
    """
    values = [value for key, value in _pairs(content) if key in ('type', *_TYPES) and value is not None]
    kinds = [kind for kind in values if isinstance(kind, str)]
    if unfit := [kind for kind in values if not isinstance(kind, str)]:
        raise ValueError(f'{what}: the type {str(unfit[0])[:60]!r}: expected a name')
    foreign = {kind for kind in kinds if LIBRARIES.fullmatch(kind)}
    refuse_unknown_types([{'type': kind} for kind in kinds], known_types() | foreign, what=what)
    scopes = {one.scope for one in _registries()}
    for key, value in _pairs(content):
        if key in _SCOPES and value is not None and value not in scopes:
            raise ValueError(f'{what}: {key} {str(value)[:60]!r}: expected one of {", ".join(sorted(scopes))}')


def known_types(*kinds: mmengine.registry.Registry) -> set[str]:
    """All that a config may name as ``type``: what registries know, and what mmaction2 takes from its libraries.

    Args:
        kinds: the registries; all if none are given.
    """
    backbones = {f'torchvision.{name}' for name in torchvision.models.list_models(module=torchvision.models)}
    return PARTS.union(backbones, *map(known_names, kinds or _registries()))


def known_names(kinds: mmengine.registry.Registry) -> set[str]:
    """The names of a registry and its parents, as such and with their scope."""
    registry.MODELS.import_from_location()  # also what the parents know
    names: set[str] = set()
    while kinds is not None:
        names |= {*kinds.module_dict, *(f'{kinds.scope}.{name}' for name in kinds.module_dict)}
        kinds = kinds.parent
    return names


def _registries() -> list[mmengine.registry.Registry]:
    """All of kdtoolbox, mmaction2 and mmengine, and those of installed plugins."""
    for one in vars(registry).values():
        if isinstance(one, registry.Registry):
            one.import_from_location()
    found: list[mmengine.registry.Registry] = []
    pending = [one for one in vars(mmengine.registry).values() if isinstance(one, mmengine.registry.Registry)]
    while pending:
        found.append(pending.pop())
        pending += found[-1].children.values()
    return found


def _pairs(value: object) -> Iterator[tuple[str, object]]:
    """Keys and values at any depth; a dotted key counts as its last part."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield str(key).rpartition('.')[2], item
            yield from _pairs(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _pairs(item)
