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
from torchvision.models import WeightsEnum

from kdtoolbox.hidden_tokens import other_tokens
from kdtoolbox.safe_files import UNREADABLE, load_safely

PLACES = ('state_dict', 'model', 'model_state_dict', 'model_state', 'network', 'net')  # of a state dict in a checkpoint
WRAPPERS = ('module.', '_orig_mod.', 'model.', 'network.', 'net.')  # of DataParallel, torch.compile, Lightning


def load_teacher_weights(
    network: nn.Module, weights: str | None, *, config: object, model_name: str | None = None
) -> list[str] | None:
    """:func:`load_weights`, with an error or a warning for configs that would leave the teacher with random weights.

    Args:
        config: what the network was built from.

    Returns:
        the names of the classes, if the file tells them.

    Raises:
        ValueError: the config has ``init_cfg`` or ``pretrained``, which mmengine only applies to trained networks.
    """
    wanted = _own_means(config)
    if wanted:
        raise ValueError(
            f'the config of the teacher has {wanted}, which is not applied to a teacher: set it to None and '
            'give the file or URL as weights='
        )
    if weights is not None:
        return load_weights(network, weights, model_name=model_name)
    if not isinstance(config, nn.Module):
        print_log(f'the teacher {type(network).__name__} has random weights: weights=None', 'current', logging.WARNING)
    return None


def _own_means(config: object) -> str:
    """The first ``pretrained`` or ``init_cfg`` that is set in a config, '' if there is none."""
    if not isinstance(config, Mapping):
        return ''
    for key, value in config.items():
        if key in ('pretrained', 'init_cfg') and value:
            return f'{key}={value!r}'
        if found := _own_means(value):
            return found
    return ''


def load_weights(network: nn.Module, weights: str, *, model_name: str | None = None) -> list[str] | None:
    """Load all tensors of ``weights`` into ``network``, strictly.

    Args:
        weights: a torchvision weights name such as ``'IMAGENET1K_V2'`` (needs ``model_name``), the path of a file of
            torch or safetensors, or an http(s) URL of one. A file of torch holds a state dict, bare or under one of
            :data:`PLACES`. If all its names begin with one of :data:`WRAPPERS`, that prefix is removed.
        model_name: the torchvision name of the network.

    Returns:
        the names of the classes of the data set that a checkpoint of mmengine was trained on; None if it has none.

    Raises:
        ValueError: the file does not exist, cannot be downloaded, is no state dict, or belongs to another network.
    """
    named = torchvision_weights(model_name)
    if '://' in weights:
        content = _download(weights)
    elif Path(weights).expanduser().is_file():
        content = load_safely(weights, what='teacher weights')
    elif weights in named:
        content = _download(named[weights].url)
    else:
        known = f', or one of {", ".join(named)}' if named else ''
        raise ValueError(f'teacher weights {weights!r}: no such file. Expected the path of a state dict, a URL{known}.')
    state = _unwrapped(_state_dict_in(content, weights), network)
    if model_name is not None:
        state = _with_todays_names(state)
    if published_weights(model_name, weights) is not None and hasattr(network, 'transform_input'):
        network.transform_input = True  # type: ignore[assignment]  # torchvision's own loading sets it too
    _load_strictly(network, state, weights)
    return _classes_in(content)


def read_state_dict(file: str | Path, network: nn.Module) -> dict[str, torch.Tensor]:
    """The tensors of a file of weights under the names that ``network`` has, without loading them into it.

    Raises:
        ValueError: the file cannot be read, or holds no state dict.
    """
    return _unwrapped(_state_dict_in(load_safely(file, what='teacher weights'), str(file)), network)


def _classes_in(checkpoint: Mapping) -> list[str] | None:
    for key in ('meta', 'dataset_meta', 'classes'):
        checkpoint = checkpoint.get(key) if isinstance(checkpoint, Mapping) else None  # type: ignore[assignment]
    if isinstance(checkpoint, (list, tuple)) and checkpoint and all(isinstance(name, str) for name in checkpoint):
        return list(checkpoint)
    return None


def torchvision_weights(model_name: str | None) -> dict:
    """Name -> torchvision's weights entry, with URL and transforms; empty for other networks."""
    return {} if model_name is None else dict(torchvision.models.get_model_weights(model_name).__members__)


def published_weights(model_name: str | None, weights: str | None) -> WeightsEnum | None:
    """torchvision's entry of these weights: by its name, or by the name of its file in a path or URL."""
    named = torchvision_weights(model_name)
    if weights is None or weights in named:
        return named.get(weights)
    file = weights.rpartition('/')[2]
    return next((entry for entry in named.values() if entry.url.rpartition('/')[2] == file), None)


def _with_todays_names(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The published DenseNets have names from before torch 0.4, which torchvision's own loading changes too."""
    return {re.sub(r'(denselayer\d+\.(?:norm|relu|conv))\.(\d)', r'\1\2', name): value for name, value in state.items()}


def _state_dict_in(content: Mapping, source: str) -> Mapping[str, torch.Tensor]:
    for state in (content, *(content[key] for key in PLACES if key in content)):
        if (
            isinstance(state, Mapping)
            and state
            and all(isinstance(name, str) and isinstance(value, torch.Tensor) for name, value in state.items())
        ):
            return state
    raise ValueError(
        f'teacher weights {source}: expected a state dict (name -> tensor), bare or under '
        f'{", ".join(PLACES)}; the file holds {", ".join(map(str, list(content)[:5])) or "nothing"}'
    )


def _unwrapped(state: Mapping[str, torch.Tensor], network: nn.Module) -> dict[str, torch.Tensor]:
    """The state dict without the prefixes of wrappers."""
    expected = network.state_dict()
    for prefix in 2 * WRAPPERS:  # one may be inside of another
        if all(name.startswith(prefix) for name in state) and not any(name.startswith(prefix) for name in expected):
            state = {name.removeprefix(prefix): value for name, value in state.items()}
    return dict(state)


def _download(url: str) -> dict:
    file = Path(torch.hub.get_dir()) / 'checkpoints' / url.rsplit('/', 1)[-1]
    try:
        return torch.hub.load_state_dict_from_url(url, map_location='cpu', weights_only=True)
    except (URLError, OSError) as error:
        raise ValueError(
            f'teacher weights: {url} could not be fetched ({error}). Without a network, fetch {file.name} elsewhere '
            f'and put it at {file}, or name a file: --cfg-options model.teacher.weights=/path/to/{file.name}'
        ) from error
    except UNREADABLE as error:
        if not file.is_file():  # its name promises another content than came
            raise ValueError(f'teacher weights: {url}: {error}') from error
        return load_safely(file, what=f'teacher weights, fetched from {url} to')


def _load_strictly(network: nn.Module, state: dict, source: str) -> None:
    expected = network.state_dict()
    # Networks saved before torch 0.4.1 have no batch counters; they only matter for training.
    state = {**{name: value for name, value in expected.items() if name.endswith('num_batches_tracked')}, **state}
    missing, unexpected = sorted(expected.keys() - state.keys()), sorted(state.keys() - expected.keys())
    misshapen = [
        f'{name} {tuple(state[name].shape)} instead of {tuple(expected[name].shape)}'
        for name in expected.keys() & state.keys()
        if state[name].shape != expected[name].shape
    ]
    if missing or unexpected or misshapen:
        if not missing and not unexpected and (tokens := other_tokens(state, expected)):
            raise ValueError(f'teacher weights {source} are of another network than {type(network).__name__}: {tokens}')
        hint = _number_of_classes(state, expected) if misshapen and not missing and not unexpected else ''
        raise ValueError(
            f'teacher weights {source} are of another network than {type(network).__name__}: '
            f'missing {missing[:5]} ({len(missing)}), unexpected {unexpected[:5]} ({len(unexpected)}), '
            f'of another shape {misshapen[:5]} ({len(misshapen)}){hint}'
        )
    network.load_state_dict(state, strict=True)


def _number_of_classes(state: Mapping, expected: Mapping) -> str:
    """A hint for the case that only the number of classes differs."""
    numbers = {
        tuple(value.shape[:1])
        for name, value in state.items()
        if value.shape != expected[name].shape and value.shape[1:] == expected[name].shape[1:]
    }
    unlike = [name for name, value in state.items() if value.shape[1:] != expected[name].shape[1:]]
    if len(numbers) != 1 or unlike:
        return ''
    return f'. If these are classes of your own: num_classes={numbers.pop()[0]}'
