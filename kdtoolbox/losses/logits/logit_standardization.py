"""Logit standardization, Sun et al., CVPR 2024, arXiv:2403.01427."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from kdtoolbox.losses.shared.input_checks import require_logits
from kdtoolbox.losses.shared.wrapped_loss import with_inputs_of
from kdtoolbox.method_card import from_paper
from kdtoolbox.registry import MODELS, register_loss

LEAST_DEVIATION = 0.01


def standardized(logits: Tensor) -> Tensor:
    """The logits of each sample minus their mean over classes, divided by their standard deviation + 1e-7.

    The standard deviation divides by K - 1, as in the authors' code. Below 0.01 it is set to 0.01: the logits of a
    classifier with zero weights are all equal, and the gradient of a division by 1e-7 would destroy a training in one
    step.

    Args:
        logits: (N, K) or (N, T', K).

    Returns:
        of the same shape, in float32 at least.

    Raises:
        ValueError: the shape is not that of logits, or there are fewer than three classes: two always become -0.7 and
            0.7.

    >>> standardized(torch.tensor([[1., 2., 3.], [5., 5., 5.]]))
    tensor([[-1.0000,  0.0000,  1.0000],
            [ 0.0000,  0.0000,  0.0000]])
    """
    require_logits(logits, min_classes=3)
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    centred = logits - logits.mean(-1, keepdim=True)
    # For equal logits the norm has the gradient 0; the square root of a variance has none.
    deviation = centred.norm(dim=-1, keepdim=True) / (logits.shape[-1] - 1) ** 0.5
    return centred / (deviation.clamp(min=LEAST_DEVIATION) + 1e-7)


@from_paper('Sun et al., CVPR 2024, arXiv:2403.01427', weight='9 around KLDivergence(temperature=2)')
@register_loss(needs=('logits',), min_classes=3, checked_against=('lskd_kd', 'lskd_dkd', 'lskd_mlld_full'))
class LogitStandardization(nn.Module):
    """A loss of standardized logits, which does not depend on the scale of the logits, see :func:`standardized`.

    Args:
        loss: config of the loss of logits.
    """

    def __init__(self, *, loss: Mapping) -> None:
        super().__init__()
        self.loss = MODELS.build(dict(loss))
        self.forward = with_inputs_of(self.loss, self.forward)  # type: ignore[method-assign]  # see there

    def forward(self, student: Tensor, teacher: Tensor, **extra) -> Tensor:
        return self.loss(standardized(student), standardized(teacher), **extra)
