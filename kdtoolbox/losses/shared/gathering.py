"""Gathering the batch of all processes, for losses that compare samples with each other."""

from typing import ClassVar

import torch
from mmengine.dist import all_gather, get_rank, get_world_size
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from kdtoolbox.losses.shared.input_checks import misfit
from kdtoolbox.method_card import MethodCard


def gather_batch(local: Tensor) -> Tensor:
    """The samples of all processes in the order of one process's batch, with gradient for those of this process.

    mmengine's samplers deal out the samples like cards: the first to each process, then the second to each. So they are
    put together: losses that depend on the order of the batch see that of a single process.

    Every process then computes the same loss of the same samples. The gradient of this process's samples is multiplied
    by the number of processes: data parallel training takes the mean of the processes' gradients, but the gradient of
    this loss is their sum. So the student's step is the same as in a single process with all samples. Parameters of the
    loss after the gathering get the whole gradient in each process, so their mean is already right. The backward pass
    needs no communication.

    The number of samples may differ between processes; a loss then averages over all samples with equal weights.

    Args:
        local: (N, ...) of any type; all processes must call this in the same order, equal in all dimensions but N.

    Returns:
        (the sum of N over the processes, ...); ``local`` itself in a single process.

    >>> gather_batch(torch.arange(3))
    tensor([0, 1, 2])
    """
    if get_world_size() == 1:
        return local
    # With several processes the host waits here: how many rows there are together is a matter of shapes.
    counts = torch.cat(all_gather(torch.tensor([len(local)], device=local.device))).tolist()
    padded = local.detach().new_zeros(max(counts), *local.shape[1:])
    padded[: len(local)] = local.detach()
    parts = [part[:count] for part, count in zip(all_gather(padded), counts)]
    parts[get_rank()] = _with_gradient_times(local, len(counts))
    as_dealt = torch.cat([torch.arange(count) for count in counts]).argsort(stable=True)
    return torch.cat(parts)[as_dealt.to(local.device)]


def rows_of_this_process(num_local: int, *, device: torch.device) -> Tensor:
    """Which rows that :func:`gather_batch` gives are this process's, boolean; they keep their order.

    >>> rows_of_this_process(2, device=torch.device('cpu'))
    tensor([True, True])
    """
    return gather_batch(torch.full((num_local,), get_rank(), device=device)) == get_rank()


def gather_pair(student: Tensor, teacher: Tensor, *, min_clips: int) -> tuple[Tensor, Tensor]:
    """The inputs of losses of relations between clips: one flat vector for each clip of all processes.

    Args:
        student: (N, C, ...).
        teacher: (N, C', ...), which may differ in all but N.
        min_clips: minimum number of clips in all processes together.

    Returns:
        (N, D) and (N, D') of all processes, the teacher's without gradient.

    Raises:
        ValueError: student and teacher are not of the same clips, or there are too few.
    """
    if len(student) != len(teacher) or min(student.dim(), teacher.dim()) < 2:
        fix = 'fold frames or crops out of the batch dimension first'
        raise misfit(student, teacher, f'must be (N, C, ...) of the same N clips: {fix}')
    student, teacher = gather_batch(student.flatten(1)), gather_batch(teacher.detach().flatten(1))
    require_clips(len(student), min_clips=min_clips)
    return student, teacher


class LossOfAllClips(nn.Module):
    """A loss that compares the clips of the batch of all processes, at least ``min_batch_size`` of its card."""

    card: ClassVar[MethodCard]

    def gathered(self, student: Tensor, teacher: Tensor) -> tuple[Tensor, Tensor]:
        """(N, D) and (N, D') of all processes from (N, C, ...) and (N, C', ...), see :func:`gather_pair`.

        Raises:
            ValueError: they differ in N, or there are too few clips.
        """
        return gather_pair(student, teacher, min_clips=self.card.min_batch_size)

    def require_clips(self, num_clips: int) -> None:
        """:func:`require_clips` of the card's number."""
        require_clips(num_clips, min_clips=self.card.min_batch_size)


class FunctionOfAllClips(LossOfAllClips):
    """A loss that is a function of the clips of all processes, without options. A subclass names the function.

    Channels, time and space of student and teacher may differ.
    """

    @staticmethod
    def function(student: Tensor, teacher: Tensor) -> Tensor:
        """The loss of (N, D) and (N, D')."""
        raise NotImplementedError

    def forward(self, student: Tensor, teacher: Tensor) -> Tensor:
        """The loss of (N, C, ...) and (N, C', ...).

        Raises:
            ValueError: they differ in N, or there are fewer clips than the card's ``min_batch_size``.
        """
        return self.function(*self.gathered(student, teacher))


class BatchNormOfAllClips(_NormBase):
    """``nn.BatchNorm1d`` of a batch that has the clips of all processes already, see :func:`gather_batch`.

    It is no ``_BatchNorm``, so ``sync_bn`` leaves it as it is: synchronised, it would count each clip once for each
    process, and its running variance would be too small.

    >>> BatchNormOfAllClips(1)(torch.tensor([[1.], [3.]])).flatten().round(decimals=3)
    tensor([-1.,  1.], grad_fn=<RoundBackward1>)
    """

    forward = nn.BatchNorm1d.forward
    _check_input_dim = nn.BatchNorm1d._check_input_dim


def require_clips(num_clips: int, *, min_clips: int) -> None:
    """Check the number of clips in the batch.

    Args:
        num_clips: of all processes together.

    Raises:
        ValueError: there are fewer than ``min_clips``.
    """
    if num_clips < min_clips:
        raise ValueError(
            f'a batch of {num_clips} in all processes together, but this loss compares '
            f'{min_clips} clips or more with one another: set batch_size to {min_clips} or more and '
            'drop_last=True in the training dataloader'
        )


def _with_gradient_times(tensor: Tensor, factor: int) -> Tensor:
    if not tensor.requires_grad:
        return tensor
    tensor = tensor.clone()
    tensor.register_hook(lambda gradient: gradient * factor)
    return tensor
