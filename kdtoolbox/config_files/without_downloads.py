"""Configs without weights that would be fetched from the network."""

from collections.abc import Mapping
from pathlib import Path

from kdtoolbox.teachers.weights import torchvision_weights


def without_downloads(config: Mapping) -> dict:
    """A copy without weights that a library would fetch: names and URLs; files stay."""

    def kept(key: str, value) -> bool:
        return not (
            key in ('weights', 'pretrained', 'checkpoint') and isinstance(value, str) and not Path(value).is_file()
        )

    if 'model' in config and 'type' in config and isinstance(config['model'], str) and config.get('weights'):
        # The size that goes with torchvision's weights is theirs, not the network's.
        size = own_size(config['model'], config['weights'])
        config = {**config, 'view': {**({'size': size} if size else {}), **(config.get('view') or {})}}
    return {
        key: without_downloads(value)
        if isinstance(value, Mapping)
        else [without_downloads(item) if isinstance(item, Mapping) else item for item in value]
        if isinstance(value, list)
        else value
        if kept(key, value)
        else None
        for key, value in config.items()
        if not (key == 'init_cfg' and isinstance(value, Mapping) and value.get('type') == 'Pretrained')
    }


def own_size(model: str, weights: str) -> int | None:
    """The size in pixels that weights of torchvision were learned on, None for others."""
    if not model.startswith('torchvision.'):
        return None
    entry = torchvision_weights(model.removeprefix('torchvision.')).get(weights)
    return None if entry is None else entry.transforms().crop_size[0]
