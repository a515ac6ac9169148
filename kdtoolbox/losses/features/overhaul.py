"""A comprehensive overhaul of feature distillation (OFD), Heo et al., ICCV 2019, arXiv:1904.01866."""

from collections.abc import Sequence
from functools import reduce
from operator import add
from typing import cast

import torch
from mmengine.dist import all_reduce
from torch import Tensor, nn

from kdtoolbox.losses.shared.channel_statistics import conv_norm, require_elements
from kdtoolbox.losses.shared.feature_maps import require_same_positions
from kdtoolbox.losses.shared.full_precision import in_full_precision, method_in_full_precision
from kdtoolbox.losses.shared.learned_maps import TapOutputs, Widths, channel_lists, tap_maps
from kdtoolbox.method_card import from_paper
from kdtoolbox.registry import register_loss


@in_full_precision
def partial_l2(student: Tensor, teacher: Tensor, *, margin: Tensor) -> Tensor:
    """Squared difference to ``max(teacher, margin)``, but 0 where that is not above 0 and the student is no higher.

    The paper's partial L2 distance to the margin ReLU, as a mean over all elements where the paper has a sum.

    Args:
        student: responses before the ReLU, (N, C, T, H, W).
        teacher: of the student's shape.
        margin: (C,), not above 0.

    >>> pair = torch.tensor([-9., 1.]).view(1, 2, 1, 1, 1), torch.tensor([-2., -2.]).view(1, 2, 1, 1, 1)
    >>> partial_l2(*pair, margin=torch.tensor([-1., -1.]))  # (0 + (1 + 1)^2) / 2
    tensor(2.)
    """
    target = torch.maximum(teacher, margin.to(teacher).view(-1, 1, 1, 1))
    counts = (student > target) | (target > 0)
    return ((student - target).square() * counts).mean()


def margin_from_batch_norm(weight: Tensor, bias: Tensor) -> Tensor:
    """Expected negative response of a channel behind a batch norm, taken for Gaussian: E[x | x < 0].

    As in the authors' code: three standard deviations below 0 where fewer than one response in a thousand is negative.

    Args:
        weight: gamma of the batch norm, (C,).
        bias: beta of the batch norm, (C,).

    Returns:
        (C,).

    >>> margin_from_batch_norm(torch.tensor([1., 1.]), torch.tensor([0., 9.]))  # -sqrt(2 / pi), and the exception
    tensor([-0.7979, -3.0000])
    """
    deviation, mean = weight.detach().abs(), bias.detach()
    # A channel of deviation 0 has but one response.
    normal = torch.distributions.Normal(mean, deviation.clamp(min=torch.finfo(deviation.dtype).tiny))
    zero = torch.zeros_like(mean)
    negative_share = normal.cdf(zero)
    # Mean of a truncated normal: mean - deviation^2 * density(0) / share.
    expected = mean - deviation.square() * normal.log_prob(zero).exp() / negative_share.clamp(min=0.001)
    return torch.where(negative_share > 0.001, expected, -3 * deviation)


@from_paper(
    'Heo et al., ICCV 2019, arXiv:1904.01866',
    weight='1e-3, sum over elements, mean over the batch',
    our_weight="1e-3 times the elements C*H*W of one clip's last map",
)
@register_loss(needs=('maps', 'several taps', 'learned parts', 'batch statistics'), checked_against=('ofd', 'ofd_core'))
class Overhaul(nn.Module):
    """Match responses before the ReLU with a margin for negative ones (OFD), see :func:`partial_l2`.

    Tap the input of the ReLU at the end of each stage. Each student map passes through a 1x1x1 convolution and a batch
    norm of its own. The losses of the taps are means over all elements and are added up. The authors' code sums over
    the elements, divides by 1000 and halves the weight from each tap to the one before it. In an image network the maps
    of the stage before have twice as many elements, so all taps have equal weights there, as here.

    The authors' code runs the teacher with batch norm in train mode. Here it is in eval mode, like all teachers.

    Args:
        student_channels: C of each tap.
        teacher_channels: likewise; student and teacher must agree in time and space.
        margins: those of each tap's channels, not above 0, see :func:`margin_from_batch_norm`. If not given, each is
            the mean of the negative responses that the teacher has shown so far, in all processes.

    Raises:
        ValueError: margins and channels do not fit together, or a margin is above 0.
    """

    def __init__(
        self, student_channels: Widths, teacher_channels: Widths, *, margins: Sequence[Sequence[float]] | None = None
    ) -> None:
        super().__init__()
        self.student_channels, self.teacher_channels = channel_lists(student_channels, teacher_channels)
        self.connectors = nn.ModuleList(
            nn.Sequential(*conv_norm(*pair, kernel_size=1))
            for pair in zip(self.student_channels, self.teacher_channels)
        )
        self.margins = nn.ModuleList(Margin(channels) for channels in self.teacher_channels)
        self.margins_are_given = margins is not None
        if margins is not None:
            self._set_margins([torch.as_tensor(margin) for margin in margins])

    @method_in_full_precision
    def forward(self, student: TapOutputs, teacher: TapOutputs) -> Tensor:
        students = tap_maps(student, channels=self.student_channels, side='student')
        teachers = tap_maps(teacher, channels=self.teacher_channels, side='teacher')
        return reduce(add, [self._tap_loss(tap, *pair) for tap, pair in enumerate(zip(students, teachers))])

    def _tap_loss(self, tap: int, student: Tensor, teacher: Tensor) -> Tensor:
        require_same_positions(student, teacher)
        if self.training:
            require_elements(student)
        if self.training and not self.margins_are_given:
            cast(Margin, self.margins[tap]).update(teacher)
        return partial_l2(self.connectors[tap](student), teacher, margin=self.margins[tap].value)

    def _set_margins(self, margins: Sequence[Tensor]) -> None:
        if [tuple(margin.shape) for margin in margins] != [(channels,) for channels in self.teacher_channels]:
            raise ValueError(
                f'margins of {[tuple(margin.shape) for margin in margins]}, expected one a channel of '
                f'each tap, teacher_channels={self.teacher_channels}'
            )
        for margin, given in zip(self.margins, margins):
            if not (given <= 0).all():
                raise ValueError(f'a margin is {float(given.max())}: expected negative responses, none above 0')
            margin.value = given.detach().clone()


class Margin(nn.Module):
    """Mean negative response of each channel so far, over all processes; 0 for channels without one."""

    value: Tensor
    num_negative: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer('value', torch.zeros(channels))
        self.register_buffer('num_negative', torch.zeros(channels, dtype=torch.long))

    @torch.no_grad()
    def update(self, responses: Tensor) -> None:
        """Add the responses (N, C, T, H, W) of a batch to the statistics, except infinite and NaN ones."""
        counts = (responses < 0) & responses.isfinite()
        seen = responses.where(counts, 0).sum((0, 2, 3, 4)).to(self.value.dtype)
        num_seen = counts.sum((0, 2, 3, 4))
        all_reduce(seen)
        all_reduce(num_seen)
        total = self.num_negative + num_seen
        self.value.add_((seen - num_seen * self.value) / total.clamp(min=1))
        self.num_negative.copy_(total)
