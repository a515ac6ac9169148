"""KL divergence of the similarities between a clip and stored texts.

Our variant of the contrastive relational distillation of CLIP-KD, Yang et al., arXiv:2307.12732, with fixed texts
instead of the texts of the batch.
"""

from collections.abc import Callable
from typing import ClassVar

from torch import Tensor, nn

from kdtoolbox.losses.embeddings.text_features import load_text_features, text_similarity
from kdtoolbox.losses.logits.kl_divergence import kl_divergence
from kdtoolbox.losses.shared.full_precision import in_full_precision_of_any_shape
from kdtoolbox.losses.shared.option_checks import checked_above_zero
from kdtoolbox.method_card import from_paper
from kdtoolbox.registry import register_loss


def checked_logit_scale(logit_scale: float) -> float:
    """:func:`checked_above_zero` of a factor of cosines."""
    return checked_above_zero(logit_scale, 'logit_scale', hint='CLIP models have up to 100')


@in_full_precision_of_any_shape
def text_logits(student: Tensor, teacher: Tensor, *, text: Tensor, logit_scale: float = 100.0) -> Tensor:
    """``KL(softmax(scale * cos(teacher, text)) || softmax(scale * cos(student, text)))``, mean over the batch.

    The scale is an inverse temperature, that of the teacher's own training; the loss has no factor for it.

    Args:
        student: embeddings (N, D).
        teacher: of the student's shape, in the space of the texts.
        text: (K, D), of length 1 each.

    Raises:
        ValueError: an embedding is not (N, D), the two sides differ in N, or there is one text only.

    >>> import torch
    >>> text = torch.eye(2)
    >>> text_logits(torch.tensor([[1., 1.]]), torch.tensor([[9., 0.]]), text=text)  # undecided, and certain
    tensor(0.6931)
    """
    if student.dim() != 2 or teacher.dim() != 2:
        raise ValueError(
            f'got student {tuple(student.shape)} and teacher {tuple(teacher.shape)}, expected embeddings '
            "(N, D): pool first (GlobalPool), or tap 'features'"
        )
    return kl_divergence(logit_scale * text_similarity(student, text), logit_scale * text_similarity(teacher, text))


@from_paper('ours, after CLIP-KD: Yang et al., CVPR 2024, arXiv:2307.12732')
@register_loss(needs=('vectors',), checked_against=('torch.nn.functional.kl_div of torch cosine similarities',))
class TextLogits(nn.Module):
    """KL divergence of the similarities to stored texts, see :func:`text_logits`.

    Args:
        text_features: file of the texts, see :func:`load_text_features`; of the teacher's own text encoder.
        logit_scale: factor of the cosines, an inverse temperature.

    Raises:
        ValueError: the file has no text features, or the scale is not above 0.
    """

    function: ClassVar[Callable[..., Tensor]] = staticmethod(text_logits)

    def __init__(self, text_features: str, *, logit_scale: float = 100.0) -> None:
        super().__init__()
        text, self.classes = self.load(text_features)
        self.register_buffer('text', text, persistent=False)  # it is in its file
        self.logit_scale = checked_logit_scale(logit_scale)

    @staticmethod
    def load(text_features: str) -> tuple[Tensor, list[str]]:
        """The texts (K, D) and the class of each."""
        return load_text_features(text_features)

    def forward(self, student: Tensor, teacher: Tensor) -> Tensor:
        return self.function(student, teacher, text=self.text, logit_scale=self.logit_scale)
