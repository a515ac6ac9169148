"""Temporal alignment: resampling one network's time steps to the times of the other's."""

import torch
from torch import Tensor, nn

from kdtoolbox.registry import MODELS


def alignment_weights(times: Tensor, target_times: Tensor, mode: str) -> Tensor:
    """Weight of each step at each target time.

    Args:
        times: (T,), rising, of the input steps.
        target_times: (S,), rising, of the output steps.
        mode: see :class:`TemporalAlign`.

    Returns:
        (S, T) float64, 0 or more; each row sums to 1.

    >>> frames, steps = torch.arange(4.), torch.tensor([0.5, 2.5])
    >>> alignment_weights(frames, steps, 'pool')
    tensor([[0.5000, 0.5000, 0.0000, 0.0000],
            [0.0000, 0.0000, 0.5000, 0.5000]], dtype=torch.float64)
    >>> alignment_weights(steps, frames, 'linear')
    tensor([[1.0000, 0.0000],
            [0.7500, 0.2500],
            [0.2500, 0.7500],
            [0.0000, 1.0000]], dtype=torch.float64)
    """
    return MODES[mode](times.double(), target_times.double())


def _nearest(times: Tensor, target_times: Tensor) -> Tensor:
    nearest = (target_times[:, None] - times).abs().argmin(1)  # the earlier one if two are equally near
    return nn.functional.one_hot(nearest, len(times)).double()


def _linear(times: Tensor, target_times: Tensor) -> Tensor:
    if len(times) == 1:
        return times.new_ones(len(target_times), 1)
    targets = target_times.clamp(times[0], times[-1])
    left = (torch.searchsorted(times, targets, right=True) - 1).clamp(max=len(times) - 2)
    share = ((targets - times[left]) / (times[left + 1] - times[left]))[:, None]
    steps = torch.arange(len(times), device=times.device)
    return (1 - share) * (steps == left[:, None]) + share * (steps == left[:, None] + 1)


def _pool(times: Tensor, target_times: Tensor) -> Tensor:
    """Each step and each target covers the interval of time nearest to it; a weight is the overlap of two intervals."""
    if len(times) == 1 or len(target_times) == 1:
        return times.new_full((len(target_times), len(times)), 1 / len(times))
    bounds, target_bounds = _stretches(times), _stretches(target_times)
    # Before the first and after the last step, that step is repeated.
    bounds[0] = torch.minimum(bounds[0], target_bounds[0])
    bounds[-1] = torch.maximum(bounds[-1], target_bounds[-1])
    overlap = (
        torch.minimum(bounds[1:], target_bounds[1:, None]) - torch.maximum(bounds[:-1], target_bounds[:-1, None])
    ).clamp(min=0)
    return overlap / overlap.sum(1, keepdim=True)


def _stretches(times: Tensor) -> Tensor:
    """(T,) -> (T + 1,): the borders of the intervals, halfway between neighbours; the outer ones by symmetry."""
    middles = (times[1:] + times[:-1]) / 2
    return torch.cat([2 * times[:1] - middles[:1], middles, 2 * times[-1:] - middles[-1:]])


MODES = {'linear': _linear, 'pool': _pool, 'nearest': _nearest}


@MODELS.register_module()
class TemporalAlign(nn.Module):
    """Resample to the time steps of the other network: (N, C, T, ...) -> (N, C, S, ...).

    The frame times of both networks are used, so that a student with every frame and a teacher with every fourth frame
    are compared at the same times. Before the first and after the last step, that step is repeated. With equal times it
    is the identity. The result is float32 or float64.

    Args:
        mode: ``'linear'`` interpolates between the two steps around each target time. ``'pool'`` averages the steps in
            the interval around it, weighted by their overlap: use it for fewer steps, so that every step counts.
            ``'nearest'`` takes the nearest step.

    Raises:
        ValueError: the mode is another.
    """

    def __init__(self, mode: str = 'linear') -> None:
        super().__init__()
        if mode not in MODES:
            raise ValueError(f'TemporalAlign mode={mode!r}: expected one of {", ".join(map(repr, MODES))}')
        self.mode = mode

    def forward(self, x: Tensor, times: Tensor, target_times: Tensor) -> Tensor:
        """Resample ``x``.

        Args:
            x: (N, C, T), (N, C, T, H, W) or any (N, C, T, ...).
            times: (T,), of the steps of ``x``, in frames of the clip, rising; see :func:`kdtoolbox.views.step_times`.
            target_times: (S,), the same for the other network.

        Raises:
            ValueError: ``x`` has no time, or another number of steps than ``times``, or times do not rise.
        """
        if x.dim() < 3 or x.shape[2] != len(times):
            raise ValueError(
                f'TemporalAlign got {tuple(x.shape)} and {len(times)} times, expected (N, C, {len(times)})'
                f' or (N, C, {len(times)}, H, W): vectors have no time, and a connector before this one '
                'must leave the number of time steps alone'
            )
        for name, steps in (('times', times), ('target_times', target_times)):
            if not len(steps) or (steps.diff() <= 0).any():
                raise ValueError(f'TemporalAlign {name} {steps.tolist()}: expected 1 or more, rising')
        if len(times) == len(target_times) and torch.equal(times, target_times):
            return x
        dtype = torch.promote_types(x.dtype, torch.float32)
        weights = alignment_weights(times, target_times, self.mode).to(x.device, dtype, non_blocking=True)
        with torch.autocast(x.device.type, enabled=False):
            return (x.to(dtype).movedim(2, -1) @ weights.t()).movedim(-1, 2)
