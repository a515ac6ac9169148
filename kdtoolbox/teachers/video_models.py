"""Video models of transformers (VideoMAE, V-JEPA 2, TimeSformer, ViViT): loading them, and the frames they take."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from kdtoolbox.teachers.token_layout import TokenLayout

LIBRARY = 'transformers'
CLASSIFICATION = 'ForVideoClassification'
# Their position tables are made for one number of frames and one size; V-JEPA 2 (rotary) and TimeSformer take others.
FIXED_POSITIONS = ('videomae', 'vivit')


def load_video_model(name: str, given: Mapping) -> tuple[nn.Module, dict]:
    """Load a video model of transformers, with its classifier if the checkpoint has one.

    Args:
        name: on the hub, or a folder that ``save_pretrained`` wrote.
        given: the view of the config; if it has size, mean and std, the model's video processor is not needed.

    Returns:
        The model, and size, mean and std (0-255) as its own processor applies them.

    Raises:
        ValueError: transformers is not installed, or model or processor are not found or not whole.
    """
    what = f"teacher model '{LIBRARY}.{name}'"
    try:
        import transformers
    except ImportError as error:
        raise ValueError(f'{what} needs transformers: pip install transformers') from error
    try:
        config = transformers.AutoConfig.from_pretrained(name)
        has_head = any(str(kind).endswith(CLASSIFICATION) for kind in getattr(config, 'architectures', None) or ())
        kind = transformers.AutoModelForVideoClassification if has_head else transformers.AutoModel
        # safetensors, because the other format of weights can run code when it is loaded.
        model, report = kind.from_pretrained(name, use_safetensors=True, output_loading_info=True)
    except (OSError, ValueError) as error:  # transformers' signals for a name that it does not know or cannot reach
        raise ValueError(
            f'{what}: {_one_line(error)} Without a network, name the folder of a model saved by save_pretrained: '
            f"'{LIBRARY}./path/to/folder'"
        ) from error
    if missing := sorted(report['missing_keys']):
        raise ValueError(f'{what}: its file lacks {missing[:3]} ({len(missing)} tensors), which would stay random')
    if given.keys() >= {'size', 'mean', 'std'}:
        return model, {}
    try:
        processor = transformers.AutoVideoProcessor.from_pretrained(name)
    except (OSError, ValueError) as error:
        raise ValueError(
            f'{what} comes without its video processor (preprocessor_config.json), which tells the size, mean and std '
            'of its frames: save it too, AutoVideoProcessor.from_pretrained(…).save_pretrained(FOLDER), or tell them, '
            'on the scale 0-255: view=dict(size=224, mean=[…], std=[…])'
        ) from error
    return model, processed_view(processor)


def processed_view(processor: Any) -> dict:
    """Size, mean and std of a video processor, found by showing it a black and a white video.

    So whatever it does (rescaling to 0..1 or to -1..1, as ViViT's) comes out right, as long as it is one linear map for
    each colour.
    """
    black, white = (
        torch.as_tensor(
            next(iter(processor([np.full((2, 240, 320, 3), shade, np.uint8)], return_tensors='pt').values()))
        ).double()
        for shade in (0, 255)
    )
    low, high = (video[0].mean((0, 2, 3)) for video in (black, white))
    std = 255 / (high - low)
    return {
        'size': tuple(black.shape[-2:]),
        'mean': tuple(round(value, 4) for value in (-low * std).tolist()),
        'std': tuple(round(value, 4) for value in std.tolist()),
    }


class VideoModelTokens:
    """The tokens of a model of transformers: their layout, and the frames that the model takes.

    Args:
        config: of the model: ``patch_size``, ``tubelet_size``, ``model_type``.
    """

    def __init__(self, config: Any) -> None:
        self.kind = config.model_type
        tubelet = getattr(config, 'tubelet_size', 1)
        sides = [tubelet] if isinstance(tubelet, int) else list(tubelet)
        patch = config.patch_size
        height, width = sides[1:] if len(sides) == 3 else (patch, patch) if isinstance(patch, int) else patch
        self.layout = TokenLayout(
            (sides[0], height, width),
            num_prefix_tokens=int(self.kind in ('timesformer', 'vivit')),
            places_first=self.kind == 'timesformer',
        )
        fixed = self.kind in FIXED_POSITIONS
        size = getattr(config, 'image_size', None)
        self.frames = getattr(config, 'num_frames', None) if fixed else None
        self.size = ((size, size) if isinstance(size, int) else tuple(size)) if fixed and size else None

    def grid(self, frames: Sequence[int]) -> tuple[int, int, int]:
        """Time steps, rows and columns of the tokens of frames (T, H, W).

        Raises:
            ValueError: the model is made for another number of frames or another size.
        """
        steps, *patch = self.layout.tubelet
        count, *size = frames
        if self.frames not in (None, count) or count % steps:
            expected = self.frames or f'a multiple of {steps}'
            raise ValueError(
                f'the video teacher ({self.kind}) sees {count} frames, expected {expected}: frames of the decoded clip '
                '/ view.frame_stride of the teacher'
            )
        divides = not any(side % part for side, part in zip(size, patch))
        if not divides or self.size not in (None, tuple(size)):
            size_expected = self.size or f'multiples of {tuple(patch)}'
            raise ValueError(
                f'the video teacher ({self.kind}) sees frames of {tuple(size)}, expected {size_expected}: view.size'
            )
        return self.layout.grid(frames)


def _one_line(error: Exception) -> str:
    return ' '.join(str(error).split())
