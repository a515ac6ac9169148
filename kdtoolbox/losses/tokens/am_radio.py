"""AM-RADIO: agglomerative vision foundation model, Ranzinger et al., CVPR 2024, arXiv:2312.06709."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kdtoolbox.host_reads import inverted
from kdtoolbox.losses.shared.frame_vectors import unit_vectors
from kdtoolbox.losses.shared.full_precision import in_full_precision
from kdtoolbox.losses.shared.tokens import as_tokens, chosen_tokens, visible_tokens
from kdtoolbox.method_card import from_paper
from kdtoolbox.registry import register_loss


@in_full_precision
def am_radio(student: Tensor, teacher: Tensor, *, cosine_share: float = 0.9) -> Tensor:
    """``share (1 - cos) + (1 - share) smooth L1``: mostly the direction of a token, a little of its length.

    Args:
        student: predicted tokens (N, L, C).
        teacher: of the student's shape.
        cosine_share: of the cosine; the paper's alpha, and beta is the rest.

    >>> am_radio(torch.tensor([[[1., 0.]]]), torch.tensor([[[0., 1.]]]), cosine_share=0.5)
    tensor(0.7500)
    """
    cosine = 1 - (unit_vectors(student, dim=-1) * unit_vectors(teacher, dim=-1)).sum(-1).mean()
    return cosine_share * cosine + (1 - cosine_share) * F.smooth_l1_loss(student, teacher)


@from_paper('Ranzinger et al., CVPR 2024, arXiv:2312.06709', weight='1 for each teacher, mean over clips and tokens')
@register_loss(
    needs=('tokens',),
    checked_against=('torch.nn.functional.cosine_similarity', 'torch.nn.functional.smooth_l1_loss'),
    only_visible=True,
)
class AMRadio(nn.Module):
    """Match a teacher's tokens in direction and size, see :func:`am_radio`; the spatial term of AM-RADIO.

    What maps the student's tokens to the teacher's channels, a head for each teacher, is the term's
    ``student_connector``. For the summaries the paper has ``Cosine``. With hidden tokens the visible ones are compared.

    Args:
        cosine_share: see :func:`am_radio`.

    Raises:
        ValueError: it is not within 0 and 1.
    """

    def __init__(self, *, cosine_share: float = 0.9) -> None:
        super().__init__()
        if not 0 <= cosine_share <= 1:
            raise ValueError(f'AMRadio cosine_share={cosine_share}: expected 0 to 1')
        self.cosine_share = cosine_share

    def forward(self, student: Tensor, teacher: Tensor, hidden_tokens: Tensor | None = None) -> Tensor:
        """The loss.

        Args:
            student: tokens of the visible positions (N, C, V).
            teacher: tokens of all positions (N, C, L) or (N, C, T, H, W).
            hidden_tokens: (N, L), True where the student sees nothing; None for nowhere.

        Raises:
            ValueError: the tokens do not fit each other.
        """
        channels = student.shape[1]
        goal = as_tokens(teacher, channels=channels, side='teacher')
        visible = torch.ones_like(goal[..., 0], dtype=torch.bool) if hidden_tokens is None else inverted(hidden_tokens)
        tokens = visible_tokens(student, visible, channels=channels)
        return am_radio(tokens, chosen_tokens(goal, visible), cosine_share=self.cosine_share)
