"""Regularizers of the discriminator: Belagiannis et al., arXiv:1803.10750, section 3.3.

Each is minimised with the discriminator's loss. The public code of the original experiments subtracts its weight norms
instead, which rewards large weights; the paper's sign is the one here.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kdtoolbox.registry import MODELS


class _WeightNorm(nn.Module):
    order: int

    def __init__(self, weight: float = 1.0) -> None:
        super().__init__()
        self.weight = weight

    def forward(self, discriminator: nn.Module, second_view_scores: Tensor) -> Tensor:
        """The weighted norm; the scores are not used."""
        return self.weight * sum(
            torch.linalg.vector_norm(parameter.float() if parameter.dtype.itemsize < 4 else parameter, ord=self.order)
            for parameter in discriminator.parameters()
        )


@MODELS.register_module()
class L1Regularizer(_WeightNorm):
    """Sum of the absolute values of the discriminator's parameters."""

    order = 1


@MODELS.register_module()
class L2Regularizer(_WeightNorm):
    """Sum of the Euclidean norms of the discriminator's parameter tensors, not squared."""

    order = 2


@MODELS.register_module()
class FakeAsReal(nn.Module):
    """Adversarial samples: the discriminator also learns to classify the student's second view as the teacher's.

    The loss is binary cross-entropy for every objective.
    """

    def __init__(self, weight: float = 1.0) -> None:
        super().__init__()
        self.weight = weight

    def forward(self, discriminator: nn.Module, second_view_scores: Tensor) -> Tensor:
        """Args:
        discriminator: not used.
        second_view_scores: (N, 1), of the student's features with dropout.
        """
        return self.weight * F.softplus(-second_view_scores).mean()
