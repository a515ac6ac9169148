"""torch's SyncBatchNorm for tests on CPU, which it refuses: the same formula, with gloo."""

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel


class _SumOfAll(torch.autograd.Function):
    """The sum over the processes; so is the gradient."""

    @staticmethod
    def forward(ctx, tensor: Tensor) -> Tensor:
        total = tensor.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        return _SumOfAll.forward(ctx, gradient.contiguous())


def normalized_by_all(self: nn.SyncBatchNorm, values: Tensor) -> Tensor:
    """``SyncBatchNorm.forward``: mean and variance over the elements of all processes."""
    if not self.training:
        return F.batch_norm(values, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)
    axes = [0, *range(2, values.dim())]
    shape = [1, -1] + [1] * (values.dim() - 2)
    wide = values.double()
    count, total = (
        _SumOfAll.apply(part) for part in (wide.new_tensor(values.numel() / values.shape[1]), wide.sum(axes))
    )
    mean = total / count
    variance = _SumOfAll.apply((wide - mean.view(shape)).square().sum(axes)) / count
    with torch.no_grad():
        self.num_batches_tracked.add_(1)
        self.running_mean.lerp_(mean.to(self.running_mean), self.momentum)
        self.running_var.lerp_((variance * count / (count - 1)).to(self.running_var), self.momentum)
    normalized = (wide - mean.view(shape)) / (variance.view(shape) + self.eps).sqrt()
    return normalized.to(values) * self.weight.view(shape) + self.bias.view(shape)


def use_on_cpu() -> None:
    """Let ``sync_bn='torch'`` work in this process."""
    nn.SyncBatchNorm.forward = normalized_by_all
    DistributedDataParallel._passing_sync_batchnorm_handle = lambda self, module: None  # refuses CPU, and nothing else
