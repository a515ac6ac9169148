"""Attention transfer for clips: Zagoruyko & Komodakis, arXiv:1612.03928, over space in each frame and over time."""

import math

from torch import Tensor, nn

from kdtoolbox.losses.shared.feature_maps import unit_scale
from kdtoolbox.losses.shared.frame_vectors import require_equal_steps, unit_vectors
from kdtoolbox.losses.shared.full_precision import in_full_precision_of_any_shape
from kdtoolbox.method_card import from_paper
from kdtoolbox.registry import register_loss


def attention(maps: Tensor) -> tuple[Tensor, Tensor]:
    """Spatial attention in each frame and temporal attention in the clip: the sum of squares over channels.

    Args:
        maps: (N, C, T, H, W).

    Returns:
        Over space (N, T, H W), of length 1 in each frame; over time (N, T), of length 1 in each clip.
    """
    frames = maps.flatten(3)
    space = unit_scale(frames, dim=(1, 3)).square().sum(1)
    time = unit_scale(frames, dim=(1, 2, 3)).square().sum((1, 3))
    return unit_vectors(space, dim=2), unit_vectors(time, dim=1)


@in_full_precision_of_any_shape
def spatio_temporal_attention(student: Tensor, teacher: Tensor, *, time_weight: float = 1.0) -> Tensor:
    """Squared distance of the unit attention vectors, over space plus ``time_weight`` times over time.

    ``mean over n, t of ||qs(n, t) - qt(n, t)||^2 + time_weight * mean over n of ||rs(n) - rt(n)||^2`` with q and r of
    :func:`attention`; each part is in [0, 2] for all T, H and W. The paper's equation 2 has the distance and not its
    square; the authors' code has the square, averaged over positions too.

    Args:
        student: (N, C, T, H, W).
        teacher: (N, C', T, H, W).

    Raises:
        ValueError: one is not a map, or they differ in N, T, H or W.

    >>> import torch
    >>> looks_left, looks_right = torch.zeros(1, 1, 1, 1, 2), torch.zeros(1, 1, 1, 1, 2)
    >>> looks_left[..., 0], looks_right[..., 1] = 3., 5.
    >>> spatio_temporal_attention(looks_left, looks_right)
    tensor(2.)
    """
    if student.dim() != 5 or teacher.dim() != 5:
        raise ValueError(
            f'got student {tuple(student.shape)} and teacher {tuple(teacher.shape)}, expected maps '
            '(N, C, T, H, W): tap modules before the pooling (TokensToMap makes maps of tokens)'
        )
    require_equal_steps(student, teacher)
    if student.shape[3:] != teacher.shape[3:]:
        raise ValueError(
            f'student {tuple(student.shape)} and teacher {tuple(teacher.shape)} differ in height or '
            'width: bring one to the size of the other (MatchSpace)'
        )
    (space, time), (target_space, target_time) = attention(student), attention(teacher)
    return (space - target_space).square().sum(-1).mean() + time_weight * (time - target_time).square().sum(-1).mean()


@from_paper(
    'ours, after AT: Zagoruyko & Komodakis, ICLR 2017, arXiv:1612.03928',
    weight="1e3 with the mean over positions (AT, authors' recipe)",
    our_weight='1e3 / (H W)',
)
@register_loss(needs=('maps', 'frames'), checked_against=('at', 'hand-computed maps'))
class SpatioTemporalAttention(nn.Module):
    """Match the teacher's attention over space and over time, see :func:`spatio_temporal_attention`.

    Args:
        time_weight: of the part over time; 0 leaves attention transfer frame by frame.

    Raises:
        ValueError: the weight is not a finite number of 0 or more.
    """

    def __init__(self, *, time_weight: float = 1.0) -> None:
        super().__init__()
        if not 0 <= time_weight < math.inf:
            raise ValueError(f'time_weight {time_weight}: expected a finite number of 0 or more')
        self.time_weight = float(time_weight)

    def forward(self, student: Tensor, teacher: Tensor) -> Tensor:
        return spatio_temporal_attention(student, teacher, time_weight=self.time_weight)
