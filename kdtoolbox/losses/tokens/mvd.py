"""Masked video distillation, Wang et al., CVPR 2023, arXiv:2212.04500."""

from torch import Tensor

from kdtoolbox.host_reads import inverted
from kdtoolbox.losses.shared.channel_pair import ChannelPairLoss
from kdtoolbox.losses.shared.full_precision import in_full_precision, method_in_full_precision
from kdtoolbox.losses.shared.token_decoder import TokenDecoder
from kdtoolbox.losses.shared.token_distances import TOKEN_DISTANCES, checked_distance, normalized_tokens
from kdtoolbox.losses.shared.tokens import as_tokens, chosen_tokens, require_hidden, visible_tokens
from kdtoolbox.method_card import from_paper
from kdtoolbox.registry import register_loss


@in_full_precision
def mvd(student: Tensor, teacher: Tensor, *, distance: str = 'smooth_l1', normalize: bool = True) -> Tensor:
    """Distance of the predicted hidden tokens to the teacher's, mean over all elements.

    Args:
        student: predicted tokens (N, H, C).
        teacher: of the student's shape.
        distance: ``'smooth_l1'``, ``'l1'``, ``'l2'``, or ``'cosine'`` for ``2 - 2 cos``.
        normalize: whether each target token is brought to mean 0 and deviation 1 over its channels.

    >>> import torch
    >>> mvd(torch.zeros(1, 1, 2), torch.tensor([[[1., 9.]]]))  # which become -1 and 1
    tensor(0.5000)
    """
    return TOKEN_DISTANCES[distance](student, normalized_tokens(teacher) if normalize else teacher)


@from_paper('Wang et al., CVPR 2023, arXiv:2212.04500', weight='1 for each teacher, mean over elements')
@register_loss(needs=('tokens', 'hidden tokens', 'learned parts'), checked_against=('mvd',))
class MVD(ChannelPairLoss):
    """Predict the teacher's tokens at the hidden positions by a decoder, see :func:`mvd`.

    It is also the masked feature distillation of students in the manner of VideoMAE. The paper has two teachers, one of
    images and one of videos, each with a decoder of its own: two terms. Its image teacher sees the first frame of each
    tubelet (``MatchGrid`` with ``frames='first'``).

    Args:
        student_channels: C of the student's last block.
        teacher_channels: C of the teacher's.
        distance: see :func:`mvd`.
        normalize: likewise.
        decoder_channels, decoder_depth, decoder_heads: of the :class:`TokenDecoder`.

    Raises:
        ValueError: the distance is unknown, or a number of channels or blocks is below 1.
    """

    def __init__(
        self,
        student_channels: int,
        teacher_channels: int,
        *,
        distance: str = 'smooth_l1',
        normalize: bool = True,
        decoder_channels: int = 384,
        decoder_depth: int = 2,
        decoder_heads: int = 6,
    ) -> None:
        super().__init__(student_channels, teacher_channels)
        self.distance, self.normalize = checked_distance(distance), normalize
        self.decoder = TokenDecoder(
            student_channels, teacher_channels, channels=decoder_channels, depth=decoder_depth, num_heads=decoder_heads
        )

    @method_in_full_precision
    def forward(self, student: Tensor, teacher: Tensor, hidden_tokens: Tensor) -> Tensor:
        """The loss.

        Args:
            student: tokens of the visible positions (N, C, V).
            teacher: tokens of all positions (N, C', L) or (N, C', T, H, W).
            hidden_tokens: (N, L), True where the student sees nothing.

        Raises:
            ValueError: the tokens do not fit each other or what the loss was built for, or none is hidden.
        """
        hidden = require_hidden(hidden_tokens)
        tokens = visible_tokens(student, inverted(hidden), channels=self.student_channels)
        goal = as_tokens(teacher, channels=self.teacher_channels, side='teacher')
        prediction = self.decoder(tokens, hidden)
        return mvd(prediction, chosen_tokens(goal, hidden), distance=self.distance, normalize=self.normalize)
