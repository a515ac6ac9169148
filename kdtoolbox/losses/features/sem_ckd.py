"""Cross-layer distillation with semantic calibration, Chen et al., AAAI 2021, arXiv:2012.03236."""

import itertools
from collections.abc import Sequence
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kdtoolbox.losses.shared.channel_statistics import conv_norm, require_elements
from kdtoolbox.losses.shared.frame_vectors import unit_vectors
from kdtoolbox.losses.shared.full_precision import method_in_full_precision
from kdtoolbox.losses.shared.learned_maps import TapOutputs, Widths, channel_list, tap_maps
from kdtoolbox.losses.shared.option_checks import checked_positive, checked_temperature
from kdtoolbox.method_card import MethodCard, from_paper
from kdtoolbox.registry import register_loss


def similarity_rows(features: Tensor, *, batch_size: int) -> Tensor:
    """Dot products of each clip with all clips of the batch, filled up with zeros: (N, ...) -> (N, batch_size)."""
    flat = features.flatten(1)
    return F.pad(flat @ flat.T, (0, batch_size - len(flat)))


def smaller_of(student: Tensor, teacher: Tensor) -> tuple[Tensor, ...]:
    """Two maps (N, C, T, H, W), each averaged down to the smaller of the two along time, height and width."""
    time, height, width = (min(pair) for pair in zip(student.shape[2:], teacher.shape[2:]))
    return tuple(F.adaptive_avg_pool3d(side, (time, height, width)) for side in (student, teacher))


class Projection(nn.Sequential):
    """1x1x1, 3x3x3 and 1x1x1 convolutions from the student's channels to the teacher's, batch norms between them."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        middle = 2 * out_channels
        super().__init__(
            *conv_norm(in_channels, middle, kernel_size=1),
            nn.ReLU(),
            *conv_norm(middle, middle, kernel_size=3),
            nn.ReLU(),
            nn.Conv3d(middle, out_channels, 1, bias=False),
        )


class RowEmbedding(nn.Sequential):
    """Two linear layers with a ReLU between them, from a row of similarities to a vector of length 1."""

    def __init__(self, batch_size: int, width: int) -> None:
        super().__init__(nn.Linear(batch_size, 2 * width), nn.ReLU(), nn.Linear(2 * width, width))

    def forward(self, rows: Tensor) -> Tensor:
        return unit_vectors(super().forward(rows), dim=1)


@from_paper(
    'Chen et al., AAAI 2021, arXiv:2012.03236',
    weight='400, mean over the elements, the clips and the layers of the student',
)
@register_loss(
    needs=('maps', 'several taps', 'learned parts', 'batch statistics'), checked_against=('semckd',), min_batch_size=2
)
class SemCKD(nn.Module):
    """Regress all teacher layers from each student layer, weighted by a learned attention between the layers.

    The attention of a clip comes from its rows in the similarity matrices of the layers, so that the loss is made for
    one batch size; a smaller batch counts as if the clips that lack were all zeros. For each pair of layers the larger
    map is averaged down to the smaller, the student's is projected (:class:`Projection`), and the squared difference,
    averaged over the elements, is weighted; the mean is over clips and student layers. The batch is that of one
    process, as in the authors' code.

    Args:
        student_channels: C of each tap.
        teacher_channels: likewise; their number may be another.
        batch_size: the largest number of clips in a batch of one process.
        factor: by which the embedding of a row is smaller than the batch.
        temperature: divides the attention's logits.

    Raises:
        ValueError: an option is out of range.
    """

    card: ClassVar[MethodCard]

    def __init__(
        self,
        student_channels: Widths,
        teacher_channels: Widths,
        *,
        batch_size: int,
        factor: int = 4,
        temperature: float = 1.0,
    ) -> None:
        super().__init__()
        self.student_channels = channel_list(student_channels, 'student')
        self.teacher_channels = channel_list(teacher_channels, 'teacher')
        self.batch_size = checked_positive(batch_size, 'batch_size')
        self.temperature = checked_temperature(temperature)
        width = max(1, batch_size // checked_positive(factor, 'factor'))
        self.queries = nn.ModuleList(RowEmbedding(batch_size, width) for _ in self.student_channels)
        self.keys = nn.ModuleList(RowEmbedding(batch_size, width) for _ in self.teacher_channels)
        self.projections = nn.ModuleList(
            Projection(*pair) for pair in itertools.product(self.student_channels, self.teacher_channels)
        )

    @method_in_full_precision
    def forward(self, student: TapOutputs, teacher: TapOutputs) -> Tensor:
        """The loss of maps (N, C, ...), as many as the loss was built for.

        Raises:
            ValueError: the maps or the number of clips do not fit what the loss was built for.
        """
        students = tap_maps(student, channels=self.student_channels, side='student')
        teachers = tap_maps(teacher, channels=self.teacher_channels, side='teacher')
        if not self.card.min_batch_size <= len(students[0]) <= self.batch_size:
            raise ValueError(
                f'a batch of {len(students[0])} in this process, but this loss compares '
                f'{self.card.min_batch_size} clips or more, and was built with batch_size={self.batch_size}: set it to '
                'that of the training dataloader'
            )
        attention = self.attention(students, teachers).flatten(1)
        distances = []
        for (tap, goal), project in zip(itertools.product(students, teachers), self.projections):
            small, target = smaller_of(tap, goal)
            if self.training:
                require_elements(small)
            distances.append((project(small) - target).square().flatten(1).mean(1))
        return (attention * torch.stack(distances, dim=1)).sum() / len(students[0]) / len(students)

    def attention(self, student: Sequence[Tensor], teacher: Sequence[Tensor]) -> Tensor:
        """The share of each teacher layer for each student layer, (N, student layers, teacher layers)."""
        queries, keys = (
            torch.stack(
                [embed(similarity_rows(tap, batch_size=self.batch_size)) for embed, tap in zip(embeds, taps)], dim=1
            )
            for embeds, taps in ((self.queries, student), (self.keys, teacher))
        )
        return (queries @ keys.transpose(1, 2) / self.temperature).softmax(-1)
