"""Checking the types in the config of a student."""

from collections.abc import Mapping

from kdtoolbox.config_files.registered_types import LIBRARIES, known_names, known_types
from kdtoolbox.engine.plain_values import refuse_unknown_types, types_in
from kdtoolbox.registry import MODELS, WEIGHT_INITIALIZERS

WITH_WEIGHTS = ('ImageStem3D', 'kdtoolbox.ImageStem3D')  # backbones that load weights as they are built


def refuse_unknown_student(model: Mapping, *, source: object = 'the checkpoint') -> None:
    """Refuse the config of a student that names what is in no registry.

    Args:
        source: the file that it is from, for messages.

    Raises:
        ValueError: it does; the message names it.
    """
    foreign = {kind for kind in types_in(model) if LIBRARIES.fullmatch(kind)}
    try:
        refuse_unknown_types(
            model,
            known_types(MODELS, WEIGHT_INITIALIZERS) | foreign,
            what=f"{source}: the student's config",
        )
    except ValueError as error:
        raise ValueError(
            f'{error}. If it is a class of your own, name the module that registers it: --imports MODULE'
        ) from error


def needs_kdtoolbox(model: Mapping) -> bool:
    """Whether the student is built of a class that only kdtoolbox's registry knows."""
    known_to_mmaction2 = known_names(MODELS.parent) | known_names(WEIGHT_INITIALIZERS.parent)
    return bool(types_in(model) & (known_names(MODELS) | known_names(WEIGHT_INITIALIZERS)) - known_to_mmaction2)


def without_own_weights(model: Mapping) -> dict:
    """The config of a student that fetches no weights when it is built, as its checkpoint brings them all.

    >>> without_own_weights(dict(type='Recognizer3D', backbone=dict(type='ImageStem3D', weights='IMAGENET1K_V1')))
    {'type': 'Recognizer3D', 'backbone': {'type': 'ImageStem3D', 'weights': None}}
    """
    backbone = model.get('backbone')
    if not isinstance(backbone, Mapping) or backbone.get('type') not in WITH_WEIGHTS or not backbone.get('weights'):
        return dict(model)
    return {**model, 'backbone': {**backbone, 'weights': None}}
