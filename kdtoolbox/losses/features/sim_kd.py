"""Knowledge distillation with the reused teacher classifier, Chen et al., CVPR 2022, arXiv:2203.14001."""

import torch.nn.functional as F
from torch import Tensor, nn

from kdtoolbox.losses.shared.channel_pair import ChannelPairLoss
from kdtoolbox.losses.shared.channel_statistics import conv_norm, require_elements
from kdtoolbox.losses.shared.feature_maps import require_same_positions
from kdtoolbox.losses.shared.full_precision import in_full_precision_of_any_shape
from kdtoolbox.losses.shared.learned_maps import as_clip_map
from kdtoolbox.losses.shared.option_checks import checked_positive
from kdtoolbox.method_card import from_paper
from kdtoolbox.registry import register_loss


@in_full_precision_of_any_shape
def sim_kd(student: Tensor, teacher: Tensor, *, projector: nn.Module) -> Tensor:
    """Mean squared difference of the projected student's and the teacher's map.

    Args:
        student: (N, C, T, H, W).
        teacher: (N, C', T, H, W), what the teacher's classifier pools.
        projector: from C to C' channels.

    Raises:
        ValueError: the maps differ in more than their channels.

    >>> import torch
    >>> sim_kd(torch.ones(1, 1, 1, 1, 1), torch.full((1, 1, 1, 1, 1), 3.), projector=nn.Identity())
    tensor(4.)
    """
    require_same_positions(student, teacher)
    return F.mse_loss(projector(student), teacher)


@from_paper('Chen et al., CVPR 2022, arXiv:2203.14001', weight='1, mean over all elements, and no other loss')
@register_loss(needs=('maps', 'learned parts', 'batch statistics'), checked_against=('simkd',))
class SimKD(ChannelPairLoss):
    """Project the student's last map to the teacher's, for the teacher's classifier, see :func:`sim_kd`.

    The projector is a bottleneck of 1x1x1, 3x3x3 and 1x1x1 convolutions, each with batch norm and ReLU. In the paper
    this is the only loss, without labels, and the student predicts with the teacher's classifier on its projected
    features: :meth:`predict`. A student that validates and is exported by itself keeps its own classifier, which this
    term does not train; give it labels or a term on the logits for that.

    Args:
        student_channels: C of the student's last map.
        teacher_channels: C of the teacher's, which must agree with it in time and space.
        reduction: the teacher's channels divided by those inside the bottleneck.

    Raises:
        ValueError: a number of channels is below 1, or the reduction leaves none.
    """

    def __init__(self, student_channels: int, teacher_channels: int, *, reduction: int = 2) -> None:
        super().__init__(student_channels, teacher_channels)
        inside = checked_positive(
            teacher_channels // checked_positive(reduction, 'reduction'), 'teacher_channels // reduction'
        )
        self.projector = nn.Sequential(
            *conv_norm(student_channels, inside, kernel_size=1),
            nn.ReLU(),
            *conv_norm(inside, inside, kernel_size=3),
            nn.ReLU(),
            *conv_norm(inside, teacher_channels, kernel_size=1),
            nn.ReLU(),
        )

    def forward(self, student: Tensor, teacher: Tensor) -> Tensor:
        student, teacher = self.clip_maps(student, teacher)
        if self.training:
            require_elements(student)
        return sim_kd(student, teacher, projector=self.projector)

    def predict(self, student: Tensor, teacher_classifier: nn.Module) -> Tensor:
        """Logits (N, K) of the teacher's classifier for the student's map; call ``eval()`` first.

        Args:
            student: the map that :meth:`forward` gets.
            teacher_classifier: from (N, C') to logits (N, K).
        """
        student = as_clip_map(student, channels=self.student_channels, side='student')
        return teacher_classifier(self.projector(student).mean((2, 3, 4)))
