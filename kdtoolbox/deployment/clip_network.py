"""A student as a plain function of clips of pixels, as other runtimes take it."""

import torch
from mmaction.models import Recognizer2D
from torch import Tensor, nn

from kdtoolbox.views import frame_differences


class ClipNetwork(nn.Module):
    """Clips of pixels -> logits and features, the normalisation included.

    Args:
        recognizer: of mmaction2, 3D, with a classification head.
        half: compute in float16; input and output stay float32.
        modality: of the student's view: 'rgb', or 'rgb_difference', which is computed inside.
    """

    backbone: nn.Module
    head: nn.Module
    mean: Tensor
    std: Tensor

    def __init__(self, recognizer: nn.Module, *, half: bool = False, modality: str = 'rgb') -> None:
        super().__init__()
        preprocessor = recognizer.data_preprocessor
        backbone, head = recognizer.backbone, recognizer.cls_head
        assert isinstance(backbone, nn.Module) and isinstance(head, nn.Module)
        self.backbone, self.head = backbone, head
        self.neck = getattr(recognizer, 'neck', None)
        if isinstance(recognizer, Recognizer2D):
            raise ValueError(
                f'a student that sees single frames ({type(backbone).__name__} in a Recognizer2D) cannot be exported '
                'so; --to folder writes it for kdtoolbox and mmaction2'
            )
        if self.neck is not None:
            raise ValueError(f'a student with a neck ({type(self.neck).__name__}) cannot be exported so')
        self.swaps_colours = bool(getattr(preprocessor, 'to_rgb', False))
        has_mean = getattr(preprocessor, 'mean', None) is not None
        for name, default in (('mean', 0.0), ('std', 1.0)):
            value = getattr(preprocessor, name).flatten() if has_mean else torch.full((3,), default)
            self.register_buffer(name, value.float().view(1, 3, 1, 1, 1).clone())
        self.half_inside = half
        self.sees_differences = modality == 'rgb_difference'
        if half:
            self.backbone.half()
            self.head.half()

    def forward(self, clips: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 3, T, H, W), RGB, 0-255, float32 -> logits (N, K) and features (N, C), float32."""
        clips = clips.flip(1) if self.swaps_colours else clips
        clips = frame_differences(clips, time=2) if self.sees_differences else clips
        clips = (clips - self.mean) / self.std
        maps = self.backbone(clips.half() if self.half_inside else clips)
        if not isinstance(maps, Tensor):
            raise ValueError(
                f'a student whose backbone ({type(self.backbone).__name__}) has several outputs cannot be exported so; '
                '--to folder writes it for kdtoolbox and mmaction2'
            )
        features = maps.flatten(2).mean(2) if maps.dim() > 2 else maps
        return self.head(maps).float(), features.float()
