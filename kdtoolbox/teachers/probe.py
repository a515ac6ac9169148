"""A linear probe: a classifier fitted on a teacher's frozen features, kept in a file of its own."""

from pathlib import Path

import torch
from mmengine.utils import mkdir_or_exist
from torch import Tensor, nn

FORMAT = 'kdtoolbox.probe/1'


def save_probe(file: str | Path, *, model: str, weight: Tensor, bias: Tensor, classes: list[str]) -> None:
    """Write a probe for the features of ``model``.

    Args:
        model: the image network that the features come from, as in the config of the teacher.
        weight: (K, C).
        bias: (K,).
        classes: the K class names.
    """
    assert weight.shape[0] == bias.shape[0] == len(classes)
    mkdir_or_exist(Path(file).parent)
    aside = Path(f'{file}.part')
    torch.save({'format': FORMAT, 'model': model, 'weight': weight.float().cpu(), 'bias': bias.float().cpu(),
                'classes': list(classes)}, aside)
    aside.replace(file)


def load_probe(file: str | Path, *, model: str) -> nn.Linear:
    """Read a probe as a layer from the C features of ``model`` to its K classes.

    Raises:
        ValueError: the file is not there, is not a probe, or was fitted on the features of another network.
    """
    if not Path(file).is_file():
        raise ValueError(f'probe {file}: no such file. tools/fit_probe.py CONFIG --out {file} writes one.')
    content = torch.load(file, map_location='cpu', weights_only=True)
    if not isinstance(content, dict) or content.get('format') != FORMAT:
        raise ValueError(f'probe {file}: expected a file written by tools/fit_probe.py')
    if content['model'] != model:
        raise ValueError(f'probe {file} was fitted on the features of {content["model"]!r}, but the teacher is '
                         f'{model!r}. Fit one for it: tools/fit_probe.py CONFIG --out FILE')
    num_classes, num_features = content['weight'].shape
    probe = nn.Linear(num_features, num_classes)
    probe.load_state_dict({'weight': content['weight'], 'bias': content['bias']})
    return probe
