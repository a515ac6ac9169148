"""Knowledge distillation via softmax regression representation learning, Yang et al., ICLR 2021."""

import torch.nn.functional as F
from torch import Tensor, nn

from kdtoolbox.losses.shared.channel_pair import ChannelPairLoss
from kdtoolbox.losses.shared.channel_statistics import conv_norm, require_elements
from kdtoolbox.losses.shared.full_precision import in_full_precision, method_in_full_precision
from kdtoolbox.method_card import from_paper
from kdtoolbox.registry import register_loss


@in_full_precision
def mean_feature_distance(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean squared difference of the features' means over time and space: the paper's feature matching.

    Args:
        student: (N, C, ...).
        teacher: of the student's shape.

    >>> import torch
    >>> mean_feature_distance(torch.tensor([[[1., 3.]]]), torch.tensor([[[5., 5.]]]))
    tensor(9.)
    """
    return F.mse_loss(_pooled(student), _pooled(teacher))


@in_full_precision
def softmax_regression(student: Tensor, teacher: Tensor, *, teacher_classifier: nn.Module) -> Tensor:
    """Mean squared difference of the teacher's classifier logits for the student's and the teacher's pooled features.

    Args:
        student: (N, C) or (N, C, ...) with the teacher's channels.
        teacher: of the student's shape.
        teacher_classifier: from (N, C) to logits (N, K).
    """
    return F.mse_loss(teacher_classifier(_pooled(student)), teacher_classifier(_pooled(teacher)))


@from_paper(
    'Yang et al., ICLR 2021, openreview ZzwDy_wiWv', weight='1 for each of the two terms, means over all elements'
)
@register_loss(
    needs=('maps', 'learned parts', 'teacher classifier', 'batch statistics'), checked_against=('srrl', 'srrl_statm')
)
class SRRL(ChannelPairLoss):
    """Match the logits of the teacher's classifier for the student's features, see :func:`softmax_regression`.

    The student's last map passes through a 1x1x1 convolution, batch norm and ReLU; :func:`mean_feature_distance` is
    added. The maps may differ in time and space, since both terms pool over them.

    Args:
        student_channels: C of the student's last map, or of its pooled features.
        teacher_channels: C of what the teacher's classifier takes.
        regression_weight: of the softmax regression beside the feature matching, beta / alpha in the paper.

    Raises:
        ValueError: a number of channels is below 1 or the weight below 0.
    """

    def __init__(self, student_channels: int, teacher_channels: int, *, regression_weight: float = 1.0) -> None:
        super().__init__(student_channels, teacher_channels)
        if not regression_weight >= 0:
            raise ValueError(f'regression_weight={regression_weight}: expected 0 or more')
        self.regression_weight = regression_weight
        self.connector = nn.Sequential(*conv_norm(student_channels, teacher_channels, kernel_size=1), nn.ReLU())

    @method_in_full_precision
    def forward(self, student: Tensor, teacher: Tensor, teacher_classifier: nn.Module) -> Tensor:
        student, teacher = self.clip_maps(student, teacher)
        if self.training:
            require_elements(student)
        pooled = _pooled(self.connector(student)), _pooled(teacher)
        return mean_feature_distance(*pooled) + self.regression_weight * softmax_regression(
            *pooled, teacher_classifier=teacher_classifier
        )


def _pooled(features: Tensor) -> Tensor:
    return features.flatten(2).mean(2) if features.dim() > 2 else features
