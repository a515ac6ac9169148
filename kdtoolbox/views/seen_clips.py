"""The clips of a data set as each network of a distillation sees them, in colours that can be looked at."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from mmengine.model import BaseModel
from torch import Tensor
from torch.utils.data import DataLoader

from kdtoolbox.views.view import View

UNKNOWN = -1
HIDDEN_GREY = 128  # of tokens that the student does not compute


@dataclass(frozen=True)
class SeenClip:
    """One clip.

    Args:
        sample_id: its name.
        label: its class, -1 for none.
        role: in retrieval.
        milliseconds: that reading and decoding it took.
        seen: name of a network -> frames (T, H, W, 3), uint8, as it sees them.
    """

    sample_id: str
    label: int
    role: str
    milliseconds: float
    seen: Mapping[str, np.ndarray]


def seen_clips(model: BaseModel, loader: DataLoader, places: Sequence[int], *, training: bool) -> list[SeenClip]:
    """Read some clips, and show them to the networks.

    Args:
        model: a distiller.
        places: in the data set of the loader.
        training: as in training, where each teacher has its view too; else as in a test, the first clip of a video.
    """
    samples, milliseconds = [], []
    for place in places:
        start = time.perf_counter()
        samples.append(loader.dataset[place])
        milliseconds.append(1000 * (time.perf_counter() - start))
    if not samples:
        return []
    batch = loader.collate_fn(samples)
    facts = [(_text(one, 'sample_id'), _label(one), _text(one, 'role')) for one in batch['data_samples']]
    data = model.data_preprocessor(batch, training)
    preprocessor = model.student.data_preprocessor
    mean, std = (_numbers(getattr(preprocessor, name, None)) for name in ('mean', 'std'))
    is_rgb = not getattr(preprocessor, 'to_rgb', False)
    view = model.data_preprocessor.student_view
    is_difference = view is not None and view.modality != 'rgb'
    shown = {'student': [_pixels(one, mean, std, is_rgb, is_difference) for one in _frames(data['inputs'])]}
    visible = model.visible_pixels(data) if training and hasattr(model, 'visible_pixels') else None
    if visible is not None:
        shown['student, visible tokens'] = [
            np.where(seen[..., None], frames, HIDDEN_GREY).astype(np.uint8)
            for frames, seen in zip(shown['student'], visible.cpu().numpy())
        ]
    for name, frames in data.get('teacher_inputs', {}).items():
        own = model.teachers[name].view
        shown[f'teacher {name}'.strip()] = [_in_colour(one, own) for one in frames]
    return [
        SeenClip(*facts[number], milliseconds[number], {name: clips[number] for name, clips in shown.items()})
        for number in range(len(places))
    ]


def _frames(inputs: Tensor) -> Tensor:
    """(N, T, 3, H, W), the first clip of each video, of what a 3D or a 2D student takes."""
    return inputs[:, 0].transpose(1, 2) if inputs.dim() == 6 else inputs


def _in_colour(frames: Tensor, view: View) -> np.ndarray:
    return _pixels(frames, view.mean, view.std, not view.swap_channels, view.modality != 'rgb')


def _pixels(frames: Tensor, mean, std, is_rgb: bool, is_difference: bool) -> np.ndarray:
    """(T, 3, H, W), normalised -> (T, H, W, 3) uint8 RGB; differences of frames are shown around grey."""
    frames = frames.float().cpu()
    if mean is not None:
        frames = frames * torch.tensor(list(std)).view(3, 1, 1) + torch.tensor(list(mean)).view(3, 1, 1)
    if is_difference:
        frames = frames / 2 + 128
    frames = frames if is_rgb else frames.flip(1)
    return frames.round().clamp(0, 255).byte().permute(0, 2, 3, 1).numpy()


def _numbers(values: Tensor | None) -> list[float] | None:
    return None if values is None else values.flatten().tolist()


def _text(sample, name: str) -> str:
    return str(sample.get(name) or '')


def _label(sample) -> int:
    labels = sample.gt_labels.item.flatten().tolist() if 'gt_labels' in sample else []
    return int(labels[0]) if len(labels) == 1 else UNKNOWN
