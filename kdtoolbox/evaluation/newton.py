"""Newton's method for softmax regression of few coefficients, where it is many times faster than L-BFGS."""

import torch
import torch.nn.functional as F
from torch import Tensor

MAX_COEFFICIENTS = 300  # whose second derivatives, a matrix of their square, are solved for in milliseconds
MAX_VALUES = 2**24  # of a sample's derivatives, of all samples, which are held at a time
MAX_STEPS = 50  # a fit takes about five
NO_GRADIENT = 1e-10
NO_BETTER = 2.0**-20  # of a step: it is no longer shortened


def suits_newton(num_samples: int, num_coefficients: int) -> bool:
    """Whether a problem is small enough."""
    return num_coefficients <= MAX_COEFFICIENTS and num_samples * num_coefficients <= MAX_VALUES


@torch.no_grad()
def newton(features: Tensor, labels: Tensor, weight: Tensor, bias: Tensor, *, l2: float) -> float:
    """Move weight and bias, in place, to the minimum of cross-entropy + l2/2 · |weight|²; returns what is left of it.

    The bias is not penalized, so that adding a number to all of its values changes nothing: the step has none of it.
    Steps are halved until the loss falls (Armijo's rule).

    Args:
        features: (N, C), float64.
        labels: (N,).
        weight: (K, C).
        bias: (K,).

    Returns:
        The largest component of the gradient.
    """
    num_classes = len(bias)
    inputs = torch.cat([features, features.new_ones(len(features), 1)], 1)
    found = torch.cat([weight, bias[:, None]], 1)
    penalty = torch.cat([features.new_full((features.shape[1],), l2), features.new_zeros(1)])
    target = F.one_hot(labels, num_classes).to(inputs.dtype)

    def loss_of(coefficients: Tensor) -> Tensor:
        return F.cross_entropy(inputs @ coefficients.T, labels) + 0.5 * (penalty * coefficients.square()).sum()

    loss, left = loss_of(found), torch.inf
    for _ in range(MAX_STEPS):
        shares = (inputs @ found.T).softmax(1)
        gradient = (shares - target).T @ inputs / len(inputs) + penalty * found
        left = gradient.abs().max().item()
        if left < NO_GRADIENT:
            break
        try:
            step = torch.linalg.solve(_curvature(inputs, shares, penalty), gradient.reshape(-1)).view_as(found)
        except torch.linalg.LinAlgError:  # shares of 0 and 1 leave no curvature
            break
        fall, length = (gradient * step).sum(), 1.0
        while not (new := loss_of(found - length * step)) <= loss - 1e-4 * length * fall and length > NO_BETTER:
            length /= 2
        if length <= NO_BETTER:
            break
        found, loss = found - length * step, new
    weight.copy_(found[:, :-1])
    bias.copy_(found[:, -1])
    return left


def _curvature(inputs: Tensor, shares: Tensor, penalty: Tensor) -> Tensor:
    """(K (C + 1), K (C + 1)) second derivatives; the direction that changes nothing has curvature 1."""
    (num_samples, num_inputs), num_classes = inputs.shape, shares.shape[1]
    each = (shares[:, :, None] * inputs[:, None]).reshape(num_samples, -1)
    curvature = (each.T @ each).div_(-num_samples).view(num_classes, num_inputs, num_classes, num_inputs)
    for index in range(num_classes):
        of_class = (inputs * shares[:, index, None]).T @ inputs / num_samples
        curvature[index, :, index] += of_class + penalty.diag()
    curvature[:, -1, :, -1] += 1 / num_classes
    return curvature.view(num_classes * num_inputs, -1)
