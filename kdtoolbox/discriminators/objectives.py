"""Adversarial objectives: losses of the discriminator and of the student.

All take scores (N, 1) without a sigmoid. Every loss is a mean over the batch and is minimised.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kdtoolbox.registry import MODELS


class AdversarialObjective(nn.Module):
    """Base class: the losses of a discriminator and of a student.

    Attributes:
        boundary: a score above it means "teacher"; None for scores without a fixed zero: then the mean score of the
            batch is used.
    """

    boundary: float | None = 0.0

    def discriminator_loss(self, teacher_scores: Tensor, student_scores: Tensor) -> Tensor:
        """Loss of the discriminator: the sum over teacher and student features."""
        raise NotImplementedError(f'{type(self).__name__} must override discriminator_loss()')

    def student_loss(self, student_scores: Tensor) -> Tensor:
        """Adversarial loss of the student."""
        raise NotImplementedError(f'{type(self).__name__} must override student_loss()')

    def penalty(self, discriminator: nn.Module, teacher: Tensor, student: Tensor) -> Tensor | None:
        """A further loss of the discriminator that depends on the features; None without one."""
        return None


@MODELS.register_module()
class BCEAdversarial(AdversarialObjective):
    """Binary cross-entropy, non-saturating for the student: Goodfellow et al., arXiv:1406.2661.

    The objective of Belagiannis et al., arXiv:1803.10750, eq. 2, and of the original 2D to 3D experiments.

    >>> BCEAdversarial().discriminator_loss(torch.zeros(2, 1), torch.zeros(2, 1))  # 2 log 2
    tensor(1.3863)
    """

    def discriminator_loss(self, teacher_scores: Tensor, student_scores: Tensor) -> Tensor:
        return F.softplus(-teacher_scores).mean() + F.softplus(student_scores).mean()

    def student_loss(self, student_scores: Tensor) -> Tensor:
        return F.softplus(-student_scores).mean()


@MODELS.register_module()
class HingeAdversarial(AdversarialObjective):
    """Hinge loss: Lim & Ye, arXiv:1705.02894.

    >>> HingeAdversarial().discriminator_loss(torch.tensor([[2.]]), torch.tensor([[0.5]]))
    tensor(1.5000)
    """

    def discriminator_loss(self, teacher_scores: Tensor, student_scores: Tensor) -> Tensor:
        return F.relu(1 - teacher_scores).mean() + F.relu(1 + student_scores).mean()

    def student_loss(self, student_scores: Tensor) -> Tensor:
        return -student_scores.mean()


@MODELS.register_module()
class LeastSquaresAdversarial(AdversarialObjective):
    """Least squares with target 1 for the teacher and 0 for the student: Mao et al., arXiv:1611.04076, eq. 9.

    >>> LeastSquaresAdversarial().student_loss(torch.tensor([[0.]]))
    tensor(0.5000)
    """

    boundary = 0.5

    def discriminator_loss(self, teacher_scores: Tensor, student_scores: Tensor) -> Tensor:
        return ((teacher_scores - 1).square().mean() + student_scores.square().mean()) / 2

    def student_loss(self, student_scores: Tensor) -> Tensor:
        return (student_scores - 1).square().mean() / 2


@MODELS.register_module()
class WassersteinAdversarial(AdversarialObjective):
    """Wasserstein distance with a gradient penalty, WGAN-GP: Gulrajani et al., arXiv:1704.00028, eq. 3.

    Args:
        gradient_penalty: the weight lambda of the penalty ``(|gradient of the score| - 1)^2``, taken at random points
            on the line between a teacher's and the same clip's student features.
    """

    boundary = None

    def __init__(self, gradient_penalty: float = 10.0) -> None:
        super().__init__()
        if gradient_penalty < 0:
            raise ValueError(f'gradient_penalty {gradient_penalty}: expected 0 or more; the paper has 10')
        self.gradient_penalty = gradient_penalty

    def discriminator_loss(self, teacher_scores: Tensor, student_scores: Tensor) -> Tensor:
        return student_scores.mean() - teacher_scores.mean()

    def student_loss(self, student_scores: Tensor) -> Tensor:
        return -student_scores.mean()

    def penalty(self, discriminator: nn.Module, teacher: Tensor, student: Tensor) -> Tensor | None:
        share = torch.rand(len(teacher), *[1] * (teacher.dim() - 1), dtype=teacher.dtype, device=teacher.device)
        between = (share * teacher + (1 - share) * student).detach().requires_grad_()
        # The gradient of a gradient needs full precision.
        with torch.enable_grad(), torch.autocast(teacher.device.type, enabled=False):
            (gradient,) = torch.autograd.grad(discriminator(between).sum(), between, create_graph=True)
            return self.gradient_penalty * (gradient.flatten(1).norm(dim=1) - 1).square().mean()
