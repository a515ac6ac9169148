"""Show, attend and distill: attention-based feature matching, Ji, Heo & Park, AAAI 2021, arXiv:2102.02973."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kdtoolbox.losses.shared.feature_maps import unit_scale
from kdtoolbox.losses.shared.frame_vectors import unit_vectors
from kdtoolbox.losses.shared.full_precision import method_in_full_precision
from kdtoolbox.losses.shared.gathering import BatchNormOfAllClips, LossOfAllClips, gather_batch
from kdtoolbox.losses.shared.learned_maps import TapOutputs, Widths, channel_list, tap_maps
from kdtoolbox.losses.shared.option_checks import checked_positive
from kdtoolbox.method_card import from_paper
from kdtoolbox.registry import register_loss


def square_means(features: Tensor, size: Sequence[int]) -> Tensor:
    """Mean of the squares over the channels, averaged to ``size`` (T, H, W), as vectors of length 1: (N, positions).

    Args:
        features: (N, C, T, H, W).
    """
    means = unit_scale(features, dim=(1, 2, 3, 4)).square().mean(1)
    time, height, width = size
    return unit_vectors(F.adaptive_avg_pool3d(means, (time, height, width)).flatten(1), dim=1)


class LinearNorm(nn.Sequential):
    """A linear layer and a batch norm of its outputs, for clips of all processes."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(nn.Linear(in_channels, out_channels), BatchNormOfAllClips(out_channels))


@from_paper(
    'Ji, Heo & Park, AAAI 2021, arXiv:2102.02973',
    weight='200 (50 for ImageNet), mean over positions and clips, sum of the layers of the teacher',
)
@register_loss(needs=('maps', 'several taps', 'learned parts', 'batch'), checked_against=('afd',), min_batch_size=3)
class AFD(LossOfAllClips):
    """Match the spatial patterns of all pairs of layers, weighted by a learned attention between the layers.

    For each teacher layer the attention is a softmax over the student's layers: of a query from the teacher's channel
    means, a key from the student's with a bilinear weight for the pair, and a position of each layer. The pattern is
    the mean of squares over the channels, of length 1 over all positions; the student's is averaged to the size of the
    teacher's, in time too. The squared difference is averaged over positions and clips and summed over the layers, the
    student's with their attention. The batch is that of all processes together: the layers of the attention have batch
    norms.

    Args:
        student_channels: C of each tap.
        teacher_channels: likewise; their number may be another.
        attention_channels: of queries and keys.

    Raises:
        ValueError: a number of channels is below 1.
    """

    def __init__(self, student_channels: Widths, teacher_channels: Widths, *, attention_channels: int = 128) -> None:
        super().__init__()
        self.student_channels = channel_list(student_channels, 'student')
        self.teacher_channels = channel_list(teacher_channels, 'teacher')
        self.attention_channels = width = checked_positive(attention_channels, 'attention_channels')
        self.keys = nn.ModuleList(LinearNorm(channels, width) for channels in self.student_channels)
        self.queries = nn.ModuleList(LinearNorm(channels, width) for channels in self.teacher_channels)
        self.bilinear = LinearNorm(width, width * len(self.teacher_channels))
        self.student_positions = nn.Parameter(torch.empty(len(self.student_channels), width))
        self.teacher_positions = nn.Parameter(torch.empty(len(self.teacher_channels), width))
        for positions in (self.student_positions, self.teacher_positions):
            nn.init.xavier_normal_(positions)

    @method_in_full_precision
    def forward(self, student: TapOutputs, teacher: TapOutputs) -> Tensor:
        """The loss of maps (N, C, ...), as many as the loss was built for.

        Raises:
            ValueError: the maps do not fit what the loss was built for, or there are fewer than three clips.
        """
        students = tap_maps(student, channels=self.student_channels, side='student')
        teachers = tap_maps(teacher, channels=self.teacher_channels, side='teacher')
        means = [[gather_batch(tap.mean((2, 3, 4))) for tap in taps] for taps in (students, teachers)]
        self.require_clips(len(means[0][0]))
        attention = self.attention(*means)
        loss = attention.new_zeros(())
        for layer, tap in enumerate(teachers):
            goal = gather_batch(square_means(tap, tap.shape[2:]))
            got = torch.stack([gather_batch(square_means(each, tap.shape[2:])) for each in students], dim=1)
            loss = loss + (attention[:, layer] * (got - goal[:, None]).square().mean(2)).sum(1).mean()
        return loss

    def attention(self, student: Sequence[Tensor], teacher: Sequence[Tensor]) -> Tensor:
        """The share of each student layer for each teacher layer, (N, teacher layers, student layers).

        Args:
            student: channel means (N, C) of each layer.
            teacher: likewise.
        """
        keys = torch.stack([key(means).relu() for key, means in zip(self.keys, student)], dim=1)
        queries = torch.stack([query(means) for query, means in zip(self.queries, teacher)], dim=1)
        pairs = self.bilinear(keys.flatten(0, 1)).view(*keys.shape[:2], len(teacher), -1)
        logits = torch.einsum('nstc,ntc->nts', pairs, queries) + self.teacher_positions @ self.student_positions.T
        return (logits / self.attention_channels**0.5).softmax(2)
