"""The gradient of each loss of a training step."""

from collections.abc import Mapping

from torch import Tensor, nn

NO_LOSS = 'no_loss'  # how a step is logged in which every term is scheduled to 0 and no labels are used


def gradients_of(value: Tensor, parameters: Mapping[str, nn.Parameter]) -> dict[str, Tensor | None]:
    """Name -> gradient of one loss, None where it does not reach; ``.grad`` is as before afterwards.

    By ``backward``, because networks that recompute their activations (``with_cp=True``) allow nothing else.
    """
    before = {name: parameter.grad for name, parameter in parameters.items()}
    for parameter in parameters.values():
        parameter.grad = None
    try:
        if value.requires_grad:
            value.backward(retain_graph=True)
        return {name: parameter.grad for name, parameter in parameters.items()}
    finally:
        for name, parameter in parameters.items():
            parameter.grad = before[name]


def learning_parameters(model: nn.Module) -> dict[str, nn.Parameter]:
    """The parameters of the student's optimizer step; a discriminator has its own step."""
    return {
        name: parameter
        for name, parameter in model.named_parameters()
        if parameter.requires_grad and not name.startswith('discriminator.')
    }
