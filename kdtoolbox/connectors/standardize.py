"""Bringing the channels of a teacher's features to one scale."""

import logging

import torch
from mmengine.dist import all_reduce
from mmengine.logging import print_log
from torch import Tensor, nn

from kdtoolbox.registry import MODELS


@MODELS.register_module()
class Standardize(nn.Module):
    """Subtract each channel's mean and divide by its standard deviation over everything seen in training so far.

    Features of an image network are all positive and share a large mean, which an L2 loss spends itself on; what tells
    one clip from another is the small rest. Meant for a teacher's vectors: no gradient flows through the statistics.

    Unlike batch norm, the statistics are those of the whole training so far, so that the target of a clip does not
    depend on what else is in the batch; processes share them. Clips with infinite or NaN features, as of a teacher in
    half precision that overflowed, are left out of the statistics, which is said once.

    Args:
        channels: C.
        eps: added to the standard deviation.

    >>> standardize = Standardize(1).train()
    >>> standardize(torch.tensor([[1.], [3.]]))
    tensor([[-1.0000],
            [ 1.0000]])
    >>> standardize.eval()(torch.tensor([[2.]]))
    tensor([[0.]])
    """

    def __init__(self, channels: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.eps = eps
        for name in ('sum', 'sum_of_squares'):
            self.register_buffer(name, torch.zeros(channels, dtype=torch.float64))
        self.register_buffer('count', torch.zeros((), dtype=torch.float64))
        self._said = False

    def forward(self, x: Tensor) -> Tensor:
        """(N, C) -> (N, C).

        Raises:
            ValueError: the input has another shape, or nothing finite was seen in training yet.
        """
        if x.dim() != 2 or x.shape[1] != len(self.sum):
            raise ValueError(
                f'Standardize got {tuple(x.shape)}, expected (N, {len(self.sum)}): set channels='
                f'{x.shape[1] if x.dim() > 1 else "C"}, and pool maps first (GlobalPool)'
            )
        if self.training:
            self._update(self._finite_rows(x.detach().double()))
        if not self.count:
            raise ValueError('Standardize has seen nothing finite in training yet, so it has no mean to subtract')
        mean = self.sum / self.count
        deviation = (self.sum_of_squares / self.count - mean.square()).clamp(min=0).sqrt()
        return (x - mean.to(x.dtype)) / (deviation + self.eps).to(x.dtype)

    def _finite_rows(self, x: Tensor) -> Tensor:
        finite = x.isfinite().all(1)
        if not self._said and not bool(finite.all()):
            self._said = True
            print_log(
                f'Standardize: {int((~finite).sum())} of {len(x)} clips have infinite or NaN features and are left '
                'out of its statistics. If the teacher runs in half precision, take float32 or bfloat16',
                'current',
                logging.WARNING,
            )
        return x[finite]

    @torch.no_grad()
    def _update(self, x: Tensor) -> None:
        for total, value in (
            (self.sum, x.sum(0)),
            (self.sum_of_squares, x.square().sum(0)),
            (self.count, x.new_tensor(float(len(x)))),
        ):
            all_reduce(value)
            total += value
