"""A view: the input of one network, made from a decoded clip, with its own size, frame stride and normalisation."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import cast

import torch
from mmengine.structures import BaseDataElement
from torch import Tensor, nn
from torch.nn import functional as F

IMAGENET_MEAN = (123.675, 116.28, 103.53)
IMAGENET_STD = (58.395, 57.12, 57.375)
MODALITIES = ('rgb', 'rgb_difference')


@dataclass(frozen=True)
class View:
    """The input of a network, made from a clip that was decoded, cropped and flipped once.

    Args:
        size: height and width in pixels, or one number for both.
        frame_stride: s takes the frames 0, s, 2s, ... of the clip.
        mean: of the colour channels in RGB order, on the scale 0-255; None leaves 0-255.
        std: likewise.
        modality: ``'rgb'``, or ``'rgb_difference'``: each frame is subtracted from the next frame of the view, see
            :func:`frame_differences`. Mean and std are then those of the differences.
        swap_channels: blue first, as mmaction2's ``to_rgb=True`` makes of RGB frames. Mean and std are then in the
            swapped order.

    >>> View(size=4, frame_stride=2).render(torch.zeros(2, 3, 8, 6, 6, dtype=torch.uint8)).shape
    torch.Size([2, 3, 4, 4, 4])
    """

    size: int | tuple[int, int]
    frame_stride: int = 1
    mean: Sequence[float] | None = None
    std: Sequence[float] | None = None
    modality: str = 'rgb'
    swap_channels: bool = False

    def __post_init__(self) -> None:
        size = (self.size, self.size) if isinstance(self.size, int) else tuple(self.size)
        if len(size) != 2 or min(size) < 1:
            raise ValueError(f'view size {self.size!r}: expected one number or (height, width), in pixels, above 0')
        if self.frame_stride < 1:
            raise ValueError(f'view frame_stride {self.frame_stride!r}: expected 1 or more')
        if (self.mean is None) != (self.std is None):
            raise ValueError('a view has both mean and std, or neither; got one of them')
        if self.modality not in MODALITIES:
            raise ValueError(f'view modality {self.modality!r}: expected one of {", ".join(map(repr, MODALITIES))}')
        object.__setattr__(self, 'size', size)

    @property
    def height_and_width(self) -> tuple[int, int]:
        """``size``, which always is both numbers once the view is made."""
        return cast(tuple[int, int], self.size)

    def render(self, clip: Tensor) -> Tensor:
        """Make this view of ``clip``.

        Args:
            clip: (N, 3, T, H, W), RGB, 0-255, of any dtype.

        Returns:
            (N, 3, T', h, w), float32, contiguous, T' = ceil(T / frame_stride).
        """
        frames = clip[:, :, :: self.frame_stride].transpose(1, 2)
        num_clips, num_frames = frames.shape[:2]
        frames = frames.flatten(0, 1).float()
        if frames.shape[-2:] != self.size:
            # Antialiased: plain bilinear sampling of a crop at half its size would give aliased edges.
            frames = F.interpolate(frames, self.size, mode='bilinear', antialias=True)
        if self.modality == 'rgb_difference':
            frames = frame_differences(frames.unflatten(0, (num_clips, num_frames)), time=1).flatten(0, 1)
        if self.swap_channels:
            frames = frames.flip(1)
        if self.mean is not None and self.std is not None:
            dtype = torch.get_default_dtype()
            mean, std = (_per_channel(tuple(value), frames.device, dtype) for value in (self.mean, self.std))
            frames = (frames - mean) / std
        return frames.view(num_clips, num_frames, 3, *self.height_and_width).transpose(1, 2).contiguous()

    def inputs_of(self, clips: Tensor, samples: Sequence[BaseDataElement]) -> Tensor:
        """The input of a teacher with this view: (N, T', 3, h, w).

        Args:
            clips: (N, 3, T, H, W), as for :meth:`render`.
            samples: N of them; a view that looks something up instead of rendering uses their meta information.
        """
        return self.render(clips).transpose(1, 2)


@cache
def _per_channel(values: tuple[float, ...], device: torch.device, dtype: torch.dtype) -> Tensor:
    """(3, 1, 1) on a device, made once: each new one would have the host wait for its copy."""
    return torch.tensor(values, device=device, dtype=dtype).view(-1, 1, 1)


def view_of(teacher: nn.Module) -> View:
    """The view of a teacher."""
    return cast(View, teacher.view)


def frame_differences(frames: Tensor, *, time: int) -> Tensor:
    """Each frame subtracted from the next; the last difference is repeated to keep the number of frames.

    Args:
        frames: with the dimension ``time`` of 2 frames or more, 0-255.

    Returns:
        of the same shape, float32, -255 to 255.

    Raises:
        ValueError: there is only one frame.

    >>> frame_differences(torch.tensor([10, 30, 20], dtype=torch.uint8), time=0)
    tensor([ 20., -10., -10.])
    """
    if frames.shape[time] < 2:
        raise ValueError(f'differences of the frames of {tuple(frames.shape)}, of which there is one: show 2 or more')
    differences = frames.float().diff(dim=time)
    return torch.cat([differences, differences.narrow(time, -1, 1)], dim=time)


def step_times(num_steps: int, *, num_frames: int, frame_stride: int) -> Tensor:
    """The time of each step of a network's output, in frames of the decoded clip.

    A view has the frames 0, s, 2s, ... of the clip, M of them. If the output has one step for each frame, the steps are
    at those frames. If it has fewer, each step is in the middle of its M / T frames. The steps are assumed to be evenly
    spaced: the exact centre of a strided convolution differs by less than a step.

    Args:
        num_steps: T, of the output.
        num_frames: L, of the decoded clip.
        frame_stride: s, of the network's view.

    Returns:
        (T,) float32, rising.

    Raises:
        ValueError: one of the numbers is below 1.

    >>> step_times(4, num_frames=8, frame_stride=2)  # a teacher that sees every other frame
    tensor([0., 2., 4., 6.])
    >>> step_times(2, num_frames=8, frame_stride=1)  # a student with a temporal stride of 4
    tensor([1.5000, 5.5000])
    """
    if min(num_steps, num_frames, frame_stride) < 1:
        raise ValueError(
            f'{num_steps} time steps of {num_frames} frames with frame_stride {frame_stride}: expected 1 '
            'or more of each'
        )
    frames_shown = -(-num_frames // frame_stride)
    centres = (torch.arange(num_steps, dtype=torch.float64) + 0.5) * frames_shown / num_steps - 0.5
    return (frame_stride * centres).float()
