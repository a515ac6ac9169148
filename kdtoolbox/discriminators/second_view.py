"""The student's features seen a second time, through dropout."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kdtoolbox.registry import MODELS


@MODELS.register_module()
class SecondView(nn.Module):
    """Append to a batch of features the same features with dropout: (N, C, ...) -> (2 N, C, ...).

    Running the student a second time with dropout behind its features gives just these: batch norm works with the
    statistics of the same batch. Doing it here costs no second pass, and batch norm's running statistics are updated
    once, not twice.

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
