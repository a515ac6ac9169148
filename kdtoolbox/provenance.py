"""Provenance of metrics and features: the name of the config, the name and hash of the checkpoint."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

from mmengine.config import Config

from kdtoolbox.safe_files import sha256_of, write_aside

PROVENANCE = 'provenance'  # key in a file of metrics
CONTENT = ' sha256:'  # between the name of a file of weights and its digest


def config_name(config: Config) -> str | None:
    """Name of the file that the config was read from."""
    return Path(config.filename).name if config.filename else None


def named_by_content(weights: str | Path) -> str:
    """A file of weights by name and SHA-256; anything else, such as torchvision's names, as it is."""
    file = Path(weights).expanduser()
    return f'{file.name}{CONTENT}{sha256_of(file)}' if file.is_file() else str(weights)


def as_built(config: Config) -> str:
    """Provenance of a network without a file of weights: built from its config."""
    return f'as {config_name(config) or "none"} builds it, seed {(config.get("randomness") or {}).get("seed")}'


def origin_of(config: str | None, weights: str, **settings: str) -> dict[str, str | None]:
    """The provenance that is stored in a file of metrics.

    Args:
        config: name of its file.
        weights: as :func:`named_by_content` or :func:`as_built` gives them.
        settings: more that is to be kept.

    >>> origin_of('r3d.py', 'as r3d.py builds it, seed 3')
    {'config': 'r3d.py', 'checkpoint': None, 'sha256': None}
    """
    if re.fullmatch(r'as .* builds it, seed \S+', weights):
        name = digest = None
    else:
        name, _, digest = weights.partition(CONTENT)
    return {'config': config, 'checkpoint': name, 'sha256': digest or None, **settings}


def write_metrics(file: str | Path, metrics: Mapping[str, float], origin: Mapping[str, str | None] | None) -> None:
    """Write metrics as JSON, with their origin under the key ``provenance`` if it is known."""
    write_aside(file, json.dumps({**metrics, **({} if origin is None else {PROVENANCE: origin})}, indent=2))
