"""A linear probe: a classifier fitted on a teacher's frozen features, stored in its own file."""

import hashlib
from pathlib import Path

from torch import Tensor, nn

from kdtoolbox.safe_files import load_safely, save_aside

FORMAT = 'kdtoolbox.probe/1'


def fingerprint(network: nn.Module) -> str:
    """A short hash of a network's weights."""
    digest = hashlib.sha256()
    for name, value in network.state_dict().items():
        digest.update(name.encode())
        digest.update(value.detach().cpu().contiguous().float().numpy().tobytes())
    return digest.hexdigest()


def save_probe(file: str | Path, *, network: nn.Module, weight: Tensor, bias: Tensor, classes: list[str]) -> None:
    """Write a probe for the features of ``network``.

    Args:
        network: the image network that the features come from.
        weight: (K, C).
        bias: (K,).
        classes: the K class names.
    """
    assert weight.shape[0] == bias.shape[0] == len(classes)
    save_aside(
        {
            'format': FORMAT,
            'network': fingerprint(network),
            'weight': weight.float().cpu(),
            'bias': bias.float().cpu(),
            'classes': list(classes),
        },
        file,
    )


def load_probe(file: str | Path, *, network: nn.Module) -> tuple[nn.Linear, list[str]]:
    """Read a probe: a layer from the C features of ``network`` to its K classes, and their names.

    Raises:
        ValueError: the file does not exist, is no probe, or was fitted on the features of another network.
    """
    content = load_safely(file, what='probe')
    if content.get('format') != FORMAT or not _fits_together(content):
        raise ValueError(f'probe {file}: expected a file written by tools/fit_probe.py')
    if content['network'] != fingerprint(network):
        raise ValueError(
            f'probe {file} was fitted on the features of another network, or of this {type(network).__name__} '
            'with other weights. Fit one for it: tools/fit_probe.py CONFIG --out FILE'
        )
    num_classes, num_features = content['weight'].shape
    probe = nn.Linear(num_features, num_classes)
    probe.load_state_dict({'weight': content['weight'], 'bias': content['bias']})
    return probe, content['classes']


def _fits_together(content: dict) -> bool:
    weight, bias, classes = (content.get(key) for key in ('weight', 'bias', 'classes'))
    return (
        isinstance(weight, Tensor)
        and isinstance(bias, Tensor)
        and isinstance(classes, list)
        and all(isinstance(name, str) for name in classes)
        and weight.is_floating_point()
        and bias.is_floating_point()
        and weight.dim() == 2
        and bias.shape == weight.shape[:1]
        and len(classes) == len(bias)
        and 'network' in content
    )
