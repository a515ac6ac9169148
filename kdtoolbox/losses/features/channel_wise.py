"""Channel-wise distillation, Shu et al., ICCV 2021, arXiv:2011.13256."""

from torch import Tensor, nn

from kdtoolbox.losses.shared.feature_maps import require_same_maps
from kdtoolbox.losses.shared.full_precision import in_full_precision_of_any_shape
from kdtoolbox.losses.shared.option_checks import checked_temperature
from kdtoolbox.losses.shared.relative_entropy import relative_entropy
from kdtoolbox.method_card import from_paper
from kdtoolbox.registry import register_loss


@in_full_precision_of_any_shape
def channel_wise(student: Tensor, teacher: Tensor, *, tau: float = 4.0) -> Tensor:
    """``tau^2 * KL(softmax(t / tau) || softmax(s / tau))`` over positions, mean over channels and batch.

    The positions are those of time and space together.

    Args:
        student: (N, C, ...).
        teacher: of the same shape.

    Raises:
        ValueError: they are no maps, or the shapes differ.

    >>> import torch
    >>> channel_wise(torch.zeros(1, 1, 2), torch.tensor([[[0., 400.]]]), tau=1)  # a certain teacher
    tensor(0.6931)
    """
    require_same_maps(student, teacher)
    return relative_entropy(student.flatten(2) / tau, teacher.flatten(2) / tau).mean() * tau**2


@from_paper('CWD, Shu et al., ICCV 2021, arXiv:2011.13256', weight='3 with tau 4, on logit maps')
@register_loss(needs=('maps',), checked_against=('cwd',))
class ChannelWise(nn.Module):
    """Match each channel's distribution over the positions of the clip, see :func:`channel_wise`.

    Args:
        tau: temperature; with a higher one more positions count.

    Raises:
        ValueError: tau is not above 0.
    """

    def __init__(self, *, tau: float = 4.0) -> None:
        super().__init__()
        self.tau = checked_temperature(tau)

    def forward(self, student: Tensor, teacher: Tensor) -> Tensor:
        return channel_wise(student, teacher, tau=self.tau)
