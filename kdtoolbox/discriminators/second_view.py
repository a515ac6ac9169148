"""A second view of the student's features, with dropout."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kdtoolbox.registry import MODELS


@MODELS.register_module()
class SecondView(nn.Module):
    """Append to a batch of features the same features with dropout: (N, C, ...) -> (2 N, C, ...).

    A second forward pass of the student with dropout after its features would give the same, as the batch statistics of
    batch norm are the same. This way there is no second pass, and batch norm updates its running statistics once, not
    twice.

    Args:
        dropout: probability with which a feature is 0 in the second view; the others are scaled up.

    Raises:
        ValueError: the probability is not in [0, 1).
    """

    def __init__(self, dropout: float) -> None:
        super().__init__()
        if not 0 <= dropout < 1:
            raise ValueError(f'dropout {dropout}: expected a probability in [0, 1)')
        self.dropout = dropout

    def forward(self, features: Tensor) -> Tensor:
        return torch.cat([features, F.dropout(features, self.dropout, self.training)])
