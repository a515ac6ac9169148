"""Data parallel training with several optimizers: gradients are averaged before each optimizer step."""

from collections.abc import Iterable

import torch
from mmengine.dist import all_reduce, all_reduce_params, broadcast, get_world_size
from mmengine.model import BaseModel
from torch import nn

from kdtoolbox.registry import MODEL_WRAPPERS


def average_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Replace each gradient by its mean over the processes; no effect in a single process.

    A parameter with a gradient in some processes only counts as 0 in the others. A parameter without a gradient in all
    of them keeps none, so that weight decay and momentum do not change it, as in a single process.
    """
    if get_world_size() == 1:
        return
    parameters = list(parameters)
    has_gradient = torch.tensor(
        [float(parameter.grad is not None) for parameter in parameters], device=parameters[0].device
    )
    all_reduce(has_gradient)
    used = [parameter for parameter, count in zip(parameters, has_gradient.tolist()) if count]
    for parameter in used:
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
    all_reduce_params([parameter.grad for parameter in used], op='mean')


@MODEL_WRAPPERS.register_module()
class GradientAveraging(nn.Module):
    """Data parallel training of a model that steps its optimizers itself.

    torch's DDP averages gradients during each backward pass through its own ``forward``, and mmengine's never calls a
    model's ``train_step``; a model with two optimizers calls :func:`average_gradients` before each step instead.
    mmengine's MMSeparateDistributedDataParallel wraps every child of the model in a DDP of its own, so that a distiller
    could no longer ask its student for anything, and terms that reach some parameters in some steps only would hang it.

    Parameters and buffers start as the first process has them.

    Args:
        module: the model.
    """

    def __init__(self, module: BaseModel) -> None:
        super().__init__()
        self.module = module
        for tensor in module.state_dict().values():
            broadcast(tensor)

    def forward(self, *args, **kwargs):
        """The model's."""
        return self.module(*args, **kwargs)

    def train_step(self, data, optim_wrapper) -> dict:
        """The model's, which averages the gradients."""
        return self.module.train_step(data, optim_wrapper)

    def val_step(self, data) -> list:
        """The model's."""
        return self.module.val_step(data)

    def test_step(self, data) -> list:
        """The model's."""
        return self.module.test_step(data)
