"""Distilling knowledge via knowledge review, Chen et al., CVPR 2021, arXiv:2104.09044."""

from collections.abc import Sequence
from functools import reduce
from operator import add

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kdtoolbox.losses.shared.channel_statistics import conv_norm, require_elements
from kdtoolbox.losses.shared.full_precision import in_full_precision, method_in_full_precision
from kdtoolbox.losses.shared.learned_maps import TapOutputs, Widths, channel_lists, tap_maps
from kdtoolbox.losses.shared.option_checks import checked_positive
from kdtoolbox.method_card import from_paper
from kdtoolbox.registry import register_loss

PYRAMID_LEVELS = (4, 2, 1)


@in_full_precision
def hierarchical_context(student: Tensor, teacher: Tensor) -> Tensor:
    """The hierarchical context loss (HCL) of one pair of maps: mean squared error at several resolutions.

    The maps count with weight 1, their averages over 4, 2 and 1 parts of each axis with 1/2, 1/4, 1/8; the sum is
    divided by that of the weights. Levels that are not coarser than the map's height are left out and their weight goes
    to the next. Time is averaged like space, over no more parts than there are steps.

    Args:
        student: (N, C, T, H, W).
        teacher: of the student's shape.

    >>> pair = torch.tensor([1., -1.]).view(1, 1, 1, 2, 1), torch.zeros(1, 1, 1, 2, 1)
    >>> hierarchical_context(*pair)  # (1 + 0 / 2) / (1 + 1 / 2)
    tensor(0.6667)
    """
    loss, weight, total = F.mse_loss(student, teacher), 1.0, 1.0
    num_steps, height, width = student.shape[2:]
    for level in PYRAMID_LEVELS:
        if level >= height:
            continue
        size = (min(level, num_steps), level, min(level, width))
        weight /= 2
        total += weight
        loss = loss + weight * F.mse_loss(F.adaptive_avg_pool3d(student, size), F.adaptive_avg_pool3d(teacher, size))
    return loss / total


class AttentionFusion(nn.Module):
    """Attention based fusion (ABF) of a student's map with the fused map of the deeper stages.

    Args:
        channels: of the student's map.
        mid_channels: of the map that is passed to the next stage.
        out_channels: of the teacher's map.
        fuses: whether there is a deeper map.
    """

    def __init__(self, channels: int, mid_channels: int, out_channels: int, *, fuses: bool) -> None:
        super().__init__()
        self.reduce = nn.Sequential(*conv_norm(channels, mid_channels, kernel_size=1))
        self.expand = nn.Sequential(*conv_norm(mid_channels, out_channels, kernel_size=3))
        self.attention = nn.Sequential(nn.Conv3d(2 * mid_channels, 2, 1), nn.Sigmoid()) if fuses else None
        for convolution in (self.reduce[0], self.expand[0]):
            assert isinstance(convolution, nn.Conv3d), 'see conv_norm'
            nn.init.kaiming_uniform_(convolution.weight, a=1)

    def forward(self, student: Tensor, passed: Tensor | None, size: Sequence[int]) -> tuple[Tensor, Tensor]:
        """The map to compare with the teacher's, and the one to pass on, both of the teacher's ``size`` (T, H, W)."""
        if self.training:
            require_elements(student)
        reduced = self.reduce(student)
        if self.attention is not None:
            assert passed is not None, 'of the deeper stage'
            passed = F.interpolate(passed, reduced.shape[2:], mode='nearest')
            attention = self.attention(torch.cat([reduced, passed], dim=1))
            reduced = reduced * attention[:, :1] + passed * attention[:, 1:]
        if reduced.shape[2:] != tuple(size):
            reduced = F.interpolate(reduced, tuple(size), mode='nearest')
        if self.training:
            require_elements(reduced)
        return self.expand(reduced), reduced


@from_paper(
    'Chen et al., CVPR 2021, arXiv:2104.09044',
    weight='0.6 to 8 (CIFAR-100), mean over the elements of a stage, sum of the stages',
)
@register_loss(
    needs=('maps', 'several taps', 'learned parts', 'batch statistics'), checked_against=('reviewkd', 'reviewkd_hcl')
)
class ReviewKD(nn.Module):
    """Match fused maps of all stages with the teacher's at several resolutions, see :func:`hierarchical_context`.

    From the deepest map upwards, each map is fused with the result of the deeper stage (:class:`AttentionFusion`),
    resized to the height and width of the teacher's map by nearest interpolation as in the authors' code, and compared
    with it. The losses of the stages are summed. The authors raise the weight from 0 during the first 20 epochs: the
    term's ``weight_schedule``.

    Args:
        student_channels: C of each tap, the shallowest first; the last may be the vector of pooled features.
        teacher_channels: likewise; the teacher's maps must agree with the student's in time.
        mid_channels: of what is passed from stage to stage; those of the deepest tap but at most 512 if not given.

    Raises:
        ValueError: the channel numbers do not fit together.
    """

    def __init__(self, student_channels: Widths, teacher_channels: Widths, *, mid_channels: int | None = None) -> None:
        super().__init__()
        self.student_channels, self.teacher_channels = channel_lists(student_channels, teacher_channels)
        if mid_channels is None:
            mid_channels = min(512, self.student_channels[-1])
        checked_positive(mid_channels, 'mid_channels')
        deepest = len(self.student_channels) - 1
        self.fusions = nn.ModuleList(
            AttentionFusion(channels, mid_channels, out_channels, fuses=stage < deepest)
            for stage, (channels, out_channels) in enumerate(zip(self.student_channels, self.teacher_channels))
        )

    @method_in_full_precision
    def forward(self, student: TapOutputs, teacher: TapOutputs) -> Tensor:
        targets = tap_maps(teacher, channels=self.teacher_channels, side='teacher')
        fused = self.fuse(student, [tap.shape[2:] for tap in targets])
        return reduce(add, [hierarchical_context(*pair) for pair in zip(fused, targets)])

    def fuse(self, student: TapOutputs, sizes: Sequence[Sequence[int]]) -> list[Tensor]:
        """Fuse the student's maps and project them to the teacher's channels.

        Args:
            student: the maps, the shallowest first.
            sizes: (T, H, W) of the teacher's maps.

        Returns:
            (N, C', T, H, W) for each tap.

        Raises:
            ValueError: the maps do not fit what the loss was built for, or differ from the teacher's in time.
        """
        taps = tap_maps(student, channels=self.student_channels, side='student')
        fused: list[Tensor] = []
        passed: Tensor | None = None
        for stage in reversed(range(len(taps))):
            tap = taps[stage]
            if tap.shape[2] != sizes[stage][0]:  # space is resized by design, but time steps must be equal
                raise ValueError(
                    f'tap {stage}: the student has {tap.shape[2]} time steps and the teacher '
                    f'{sizes[stage][0]}: bring one to those of the other (TemporalAlign)'
                )
            output, passed = self.fusions[stage](tap, passed, sizes[stage])
            fused.insert(0, output)
        return fused
