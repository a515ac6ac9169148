"""Checking the types in the config of a student."""

import re
from collections.abc import Mapping

import torchvision

from kdtoolbox.engine.plain_values import refuse_unknown_types, types_in
from kdtoolbox.registry import MODELS, WEIGHT_INITIALIZERS

# mmaction2 reads these from configs itself: they name parts, and are looked up in no registry.
PARTS = {'AvgConsensus', 'STPP', 'resnet2d', 'resnet3d'}
# Libraries that mmaction2's recognizers take 2D backbones from; it imports them by these very words.
LIBRARIES = re.compile(r'(timm|mmcls|mmpretrain)\.\w+')


def refuse_unknown_student(model: Mapping) -> None:
    """Refuse the config of a student that names what is in no registry.

    Raises:
        ValueError: it does; the message names it.
    """
    backbones = {f'torchvision.{name}' for name in torchvision.models.list_models(module=torchvision.models)}
    foreign = {kind for kind in types_in(model) if LIBRARIES.fullmatch(kind)}
    try:
        refuse_unknown_types(
            model,
            _known(MODELS) | _known(WEIGHT_INITIALIZERS) | PARTS | backbones | foreign,
            what="the checkpoint's student_config",
        )
    except ValueError as error:
        raise ValueError(
            f'{error}. If it is a class of your own, name the module that registers it: --imports MODULE'
        ) from error


def needs_kdtoolbox(model: Mapping) -> bool:
    """Whether the student is built of a class that only kdtoolbox's registry knows."""
    known_to_mmaction2 = _known(MODELS.parent) | _known(WEIGHT_INITIALIZERS.parent)
    return bool(types_in(model) & (_known(MODELS) | _known(WEIGHT_INITIALIZERS)) - known_to_mmaction2)


def _known(registry) -> set[str]:
    """The names of a registry and its parents, as such and with their scope."""
    MODELS.import_from_location()  # also what the parents know
    names: set[str] = set()
    while registry is not None:
        names |= {*registry.module_dict, *(f'{registry.scope}.{name}' for name in registry.module_dict)}
        registry = registry.parent
    return names
