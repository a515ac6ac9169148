"""Weights of teachers: by torchvision name, from a file, from a URL; always safe, always strict."""

import logging
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.error import URLError

import torch
import torchvision
from mmengine.logging import print_log
from torch import nn

from kdtoolbox.safe_files import load_safely


def load_teacher_weights(network: nn.Module, weights: str | None, *, config: object,
                         model_name: str | None = None) -> None:
    """:func:`load_weights`, with the mistakes that would leave a teacher untrained caught.

    Args:
        config: what the network was built from.

    Raises:
        ValueError: the config wants weights by mmengine's own means, which are for networks that are to be trained.
    """
    wanted = _own_means(config)
    if wanted:
        raise ValueError(f'the config of the teacher has {wanted}, which is not applied to a teacher: set it to None and '
                         'give the file or URL as weights=')
    if weights is not None:
        load_weights(network, weights, model_name=model_name)
    elif not isinstance(config, nn.Module):
        print_log(f'the teacher {type(network).__name__} has random weights: weights=None', 'current', logging.WARNING)


def _own_means(config: object) -> str:
    """The first ``pretrained`` or ``init_cfg`` that is set anywhere in a config, '' if there is none."""
    if not isinstance(config, Mapping):
        return ''
    for key, value in config.items():
        if key in ('pretrained', 'init_cfg') and value:
            return f'{key}={value!r}'
        if found := _own_means(value):
            return found
    return ''


def load_weights(network: nn.Module, weights: str, *, model_name: str | None = None) -> None:
    """Load ``weights`` into ``network``, every tensor of it.

    Args:
        weights: a torchvision weights name such as ``'IMAGENET1K_V2'`` (needs ``model_name``), the path of a
            state dict, bare or under ``'state_dict'``, or an http(s) URL of one.
        model_name: the torchvision name of the network.

    Raises:
        ValueError: the file is not there, cannot be downloaded, is not a state dict, or is one of another network.
    """
    named = torchvision_weights(model_name)
    if '://' in weights:
        content = _download(weights)
    elif Path(weights).is_file():
        content = load_safely(weights, what='teacher weights')
    elif weights in named:
        content = _download(named[weights].url)
        # torchvision's own loading does these two things beside reading the file.
        content = {re.sub(r'(denselayer\d+\.(?:norm|relu|conv))\.(\d)', r'\1\2', name): value
                   for name, value in content.items()}
        if hasattr(network, 'transform_input'):
            network.transform_input = True
    else:
        known = f', or one of {", ".join(named)}' if named else ''
        raise ValueError(f'teacher weights {weights!r}: no such file. Expected the path of a state dict, a URL{known}.')
    state = content['state_dict'] if isinstance(content.get('state_dict'), dict) else content
    if not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise ValueError(f'teacher weights {weights}: expected a state dict (name -> tensor)')
    _load_strictly(network, state, weights)


def torchvision_weights(model_name: str | None) -> dict:
    """Name -> torchvision's entry, with its URL and transforms; empty for a network that is not torchvision's."""
    return {} if model_name is None else dict(torchvision.models.get_model_weights(model_name).__members__)


def _download(url: str) -> dict:
    file = Path(torch.hub.get_dir()) / 'checkpoints' / url.rsplit('/', 1)[-1]
    try:
        return torch.hub.load_state_dict_from_url(url, map_location='cpu', weights_only=True)
    except (URLError, OSError) as error:
        raise ValueError(
            f'teacher weights: {url} could not be fetched ({error}). Without a network, fetch {file.name} elsewhere '
            f'and put it at {file}, or name a file: --cfg-options model.teacher.weights=/path/to/{file.name}') from error


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
