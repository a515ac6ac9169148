"""Weights of teachers: by torchvision name, from a file, from a URL; always safe, always strict."""

from pathlib import Path
from urllib.error import URLError

import torch
import torchvision
from torch import nn


def load_weights(network: nn.Module, weights: str, *, model_name: str | None = None) -> None:
    """Load ``weights`` into ``network``, every tensor of it.

    Args:
        weights: a torchvision weights name such as ``'IMAGENET1K_V2'`` (needs ``model_name``), the path of a
            state dict, bare or under ``'state_dict'``, or an http(s) URL of one.
        model_name: the torchvision name of the network.

    Raises:
        ValueError: the file is not there, cannot be downloaded, is not a state dict, or is one of another network.
    """
    if '://' in weights:
        state = _download(weights)
    elif Path(weights).is_file():
        state = _read(Path(weights))
    elif model_name is not None and weights in _torchvision_weights(model_name):
        state = _download(_torchvision_weights(model_name)[weights])
    else:
        known = f', or one of {", ".join(_torchvision_weights(model_name))}' if model_name else ''
        raise ValueError(f'teacher weights {weights!r}: no such file. Expected the path of a state dict, a URL{known}.')
    _load_strictly(network, state, weights)


def _torchvision_weights(model_name: str) -> dict[str, str]:
    """Weights name -> URL, ``'DEFAULT'`` among them."""
    weights = torchvision.models.get_model_weights(model_name)
    return {name: weights[name].url for name in [*weights.__members__]}


def _download(url: str) -> dict:
    file = Path(torch.hub.get_dir()) / 'checkpoints' / url.rsplit('/', 1)[-1]
    try:
        return torch.hub.load_state_dict_from_url(url, map_location='cpu', weights_only=True)
    except (URLError, OSError) as error:
        raise ValueError(
            f'teacher weights: {url} could not be fetched ({error}). Without a network, fetch {file.name} elsewhere and '
            f'put it at {file}, or name a file: --cfg-options model.teacher.weights=/path/to/{file.name}') from error


def _read(file: Path) -> dict:
    state = torch.load(file, map_location='cpu', weights_only=True)
    if isinstance(state, dict) and isinstance(state.get('state_dict'), dict):
        state = state['state_dict']
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise ValueError(f'teacher weights {file}: expected a state dict (name -> tensor), got {type(state).__name__}')
    return state


def _load_strictly(network: nn.Module, state: dict, source: str) -> None:
    expected = network.state_dict()
    # Networks saved before torch 0.4.1 have no batch counters; they only matter for training.
    state = {**{name: value for name, value in expected.items() if name.endswith('num_batches_tracked')}, **state}
    missing, unexpected = sorted(expected.keys() - state.keys()), sorted(state.keys() - expected.keys())
    misshapen = [f'{name} {tuple(state[name].shape)} instead of {tuple(expected[name].shape)}'
                 for name in expected.keys() & state.keys() if state[name].shape != expected[name].shape]
    if missing or unexpected or misshapen:
        raise ValueError(f'teacher weights {source} are of another network than {type(network).__name__}: '
                         f'missing {missing[:5]} ({len(missing)}), unexpected {unexpected[:5]} ({len(unexpected)}), '
                         f'of another shape {misshapen[:5]} ({len(misshapen)})')
    network.load_state_dict(state, strict=True)
