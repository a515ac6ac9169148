"""Standardization of the channels of a teacher's features."""

import logging
from collections.abc import Callable

import torch
from mmengine.dist import all_reduce
from mmengine.logging import print_log
from torch import Tensor, nn

from kdtoolbox.connectors.misfit import misfit
from kdtoolbox.host_reads import HostCopy
from kdtoolbox.registry import MODELS

SCALES = ('channel', 'all')


@MODELS.register_module()
class Standardize(nn.Module):
    """Subtract the mean of each channel and divide by its standard deviation, over all training batches so far.

    Features of an image network are positive and have a large common mean, which dominates an L2 loss; the differences
    between clips are small beside it. Meant for vectors of a teacher: no gradient flows through the statistics. Of maps
    and tokens (N, C, ...) each position is a vector.

    Unlike in batch norm, the statistics are those of the whole training so far, in all processes. So the target of a
    clip does not depend on the other clips of the batch. Vectors with infinite or NaN features, such as those of a
    teacher that overflowed in half precision, are left out of the statistics, with one warning.

    With ``scale='all'`` all channels are divided by one number, the root of their mean variance. An L2 loss is then
    that of the features divided by the running variance of the target, so that several teachers weigh alike whatever
    the size of their numbers, as in AM-RADIO (Ranzinger et al., CVPR 2024, arXiv:2312.06709), and the channels keep
    their sizes beside each other. :class:`PHIStandardize` rotates the channels as well.

    Args:
        channels: C.
        eps: added to the standard deviation.
        scale: ``'channel'`` divides each by its own deviation, ``'all'`` all by one number.

    Raises:
        ValueError: ``scale`` is none of these.

    >>> standardize = Standardize(1).train()
    >>> standardize(torch.tensor([[1.], [3.]]))
    tensor([[-1.0000],
            [ 1.0000]])
    >>> standardize.eval()(torch.tensor([[2.]]))
    tensor([[0.]])
    """

    sum: Tensor
    sum_of_squares: Tensor
    count: Tensor

    learns_statistics = True  # of what it is given, so that one serves one tap

    def __init__(self, channels: int, eps: float = 1e-6, *, scale: str = 'channel') -> None:
        super().__init__()
        if scale not in SCALES:
            raise ValueError(f'Standardize scale={scale!r}: expected one of {", ".join(map(repr, SCALES))}')
        self.eps, self.scale = eps, scale
        for name in ('sum', 'sum_of_squares'):
            self.register_buffer(name, torch.zeros(channels, dtype=torch.float64))
        self.register_buffer('count', torch.zeros((), dtype=torch.float64))
        self._said = self._has_seen = False
        self._finite: HostCopy | None = None

    def forward(self, x: Tensor) -> Tensor:
        """(N, C) -> (N, C), (N, C, ...) -> (N, C, ...).

        Raises:
            ValueError: the input has another shape, or there were no finite features in training yet.
        """
        return self._of_vectors(self.standardized, x)

    def standardized(self, x: Tensor) -> Tensor:
        """Vectors (N, C) -> (N, C); while training, they count in the statistics."""
        if self.training:
            self._update(x.detach().double())
        if not self._has_statistics():
            raise ValueError(
                f'{type(self).__name__} has seen nothing finite in training yet, so it has no mean to subtract'
            )
        mean = self.sum / self.count
        variance = (self.sum_of_squares / self.count - mean.square()).clamp(min=0)
        deviation = (variance if self.scale == 'channel' else variance.mean()).sqrt()
        return (x - mean.to(x.dtype)) / (deviation + self.eps).to(x.dtype)

    def _of_vectors(self, function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
        """A function of vectors (N, C) for those of all positions of (N, C, ...)."""
        if x.dim() < 2 or x.shape[1] != len(self.sum):
            fix = f'set channels={x.shape[1] if x.dim() > 1 else "C"}'
            raise misfit(self, x, f'(N, {len(self.sum)}) or (N, {len(self.sum)}, ...): {fix}')
        last = x.movedim(1, -1)
        return function(last.flatten(0, -2)).reshape(last.shape).movedim(-1, 1)

    def _has_statistics(self) -> bool:
        """Whether finite features were seen; the host asks the device until they were, which is in the first step."""
        if not self._has_seen:
            self._has_seen = bool(self.count)
        return self._has_seen

    def _load_from_state_dict(self, *args, **options) -> None:
        super()._load_from_state_dict(*args, **options)
        self._has_seen = False

    def _warn(self, finite: Tensor) -> None:
        """Say once that clips are left out; on a GPU a step late, so that the host need not wait for the teacher."""
        if self._said:
            return
        looked_at, self._finite = (self._finite, HostCopy(finite)) if finite.is_cuda else (HostCopy(finite), None)
        if looked_at is None or bool(looked_at.value().all()):
            return
        self._said = True
        print_log(
            f'{type(self).__name__}: {int((~looked_at.value()).sum())} of {len(finite)} vectors have infinite or NaN '
            'features and are left out of its statistics. If the teacher runs in half precision, take float32 or '
            'bfloat16',
            'current',
            logging.WARNING,
        )

    @torch.no_grad()
    def _update(self, x: Tensor) -> None:
        finite = x.isfinite().all(1)
        self._warn(finite)
        x = x.where(finite[:, None], 0)
        for total, value in (
            (self.sum, x.sum(0)),
            (self.sum_of_squares, x.square().sum(0)),
            (self.count, finite.sum()),
        ):
            value = value.to(total.dtype)
            all_reduce(value)
            total += value
