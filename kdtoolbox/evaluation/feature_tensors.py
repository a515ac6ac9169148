"""Feature files as safetensors: two tensors, and the texts as JSON in the header."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from kdtoolbox.plain_files import parse_json
from kdtoolbox.safe_files import save_safetensors_aside

FORM = 'kdtoolbox.features/1'
TEXTS = ('sample_ids', 'roles', 'classes')  # lists; provenance is one text, JSON


def save_as_safetensors(arrays: Mapping[str, np.ndarray], file: str | Path) -> None:
    """Write the arrays of a feature file as :data:`ARRAYS` of it lists them, aside and moved into place."""
    texts = {name: arrays[name].tolist() for name in (*TEXTS, 'provenance')}
    tensors = {name: torch.from_numpy(arrays[name]) for name in ('features', 'labels')}
    header = {FORM: json.dumps(texts, ensure_ascii=False, sort_keys=True)}  # one entry: of several the order is random
    save_safetensors_aside(tensors, file, metadata=header)


def load_from_safetensors(file: str | Path) -> dict[str, np.ndarray]:
    """The arrays of a feature file, as :func:`save_as_safetensors` was given them; no code of it is run.

    Raises:
        ValueError: it is no safetensors file, or not of that form.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, 'np') as content:
            header = content.metadata() or {}
            arrays = {name: content.get_tensor(name) for name in content.keys()}  # noqa: SIM118  it is no dict
    except (SafetensorError, OSError, TypeError, AttributeError, LookupError) as error:  # the last ones for odd dtypes
        raise ValueError(f'{file} is a safetensors file that cannot be read: {error}') from error
    if FORM not in header:
        raise ValueError(f'{file} is a safetensors file, but not of the form {FORM}')
    texts = parse_json(header[FORM], source=f'feature file {file}: its header')
    for name in (*TEXTS, 'provenance'):
        values = texts.get(name) if isinstance(texts, dict) else None
        listed = [values] if name == 'provenance' else values
        if not isinstance(listed, list) or not all(isinstance(text, str) for text in listed):
            raise ValueError(f'feature file {file}: {name} is no {"text" if name == "provenance" else "list of texts"}')
        arrays[name] = np.array(values, dtype=str)
    return arrays
