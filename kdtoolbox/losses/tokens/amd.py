"""Asymmetric masked distillation, Zhao et al., CVPR 2024, arXiv:2311.03149."""

import torch
from torch import Tensor, nn

from kdtoolbox.host_reads import inverted, on_host, to_device
from kdtoolbox.losses.shared.full_precision import in_full_precision, method_in_full_precision
from kdtoolbox.losses.shared.learned_maps import TapOutputs, Widths, as_taps, channel_lists
from kdtoolbox.losses.shared.option_checks import checked_weight
from kdtoolbox.losses.shared.token_decoder import TokenDecoder
from kdtoolbox.losses.shared.token_distances import TOKEN_DISTANCES, checked_distance
from kdtoolbox.losses.shared.tokens import as_tokens, chosen_tokens, require_hidden, visible_tokens
from kdtoolbox.method_card import from_paper
from kdtoolbox.registry import register_loss


@in_full_precision
def amd(student: Tensor, teacher: Tensor, *, distance: str = 'l2') -> Tensor:
    """Distance of aligned or generated tokens to the teacher's, mean over all elements.

    Args:
        student: (N, V, C).
        teacher: of the student's shape.
        distance: ``'l2'``, ``'l1'``, ``'smooth_l1'``, or ``'cosine'`` for ``2 - 2 cos``.

    >>> amd(torch.zeros(1, 1, 2), torch.tensor([[[1., 3.]]]))
    tensor(5.)
    """
    return TOKEN_DISTANCES[distance](student, teacher)


@from_paper('Zhao et al., CVPR 2024, arXiv:2311.03149', weight='1 for each part, mean over elements and depths')
@register_loss(needs=('tokens', 'hidden tokens', 'several taps', 'learned parts'), checked_against=('amd',))
class AMD(nn.Module):
    """Align the tokens that the student sees, generate those that only the teacher sees, see :func:`amd`.

    At each depth a linear layer aligns the student's tokens with the teacher's at the positions that both see, and a
    decoder generates from them the tokens at the positions that the student does not see. Both are means over the
    depths. The paper adds the prediction of pixels, ``VideoMAE``, with weight 1. Its teacher sees more tokens than the
    student, but not all: ``teacher_keep`` of ``student_tokens``. A teacher that sees all has all generated.

    Args:
        student_channels: C of each tapped block.
        teacher_channels: C of each of the teacher's.
        distance: see :func:`amd`.
        direct_weight: of the aligned tokens.
        generated_weight: of the generated ones.
        decoder_channels, decoder_depth, decoder_heads: of the :class:`TokenDecoder`; the teacher's channels by default.

    Raises:
        ValueError: the distance is unknown, a weight below 0, or a number of channels or blocks below 1.
    """

    def __init__(
        self,
        student_channels: Widths,
        teacher_channels: Widths,
        *,
        distance: str = 'l2',
        direct_weight: float = 1.0,
        generated_weight: float = 1.0,
        decoder_channels: int | None = None,
        decoder_depth: int = 1,
        decoder_heads: int = 6,
    ) -> None:
        super().__init__()
        self.student_channels, self.teacher_channels = channel_lists(student_channels, teacher_channels)
        self.distance = checked_distance(distance)
        self.direct_weight = checked_weight(direct_weight, 'direct_weight')
        self.generated_weight = checked_weight(generated_weight, 'generated_weight')
        self.aligners = nn.ModuleList(nn.Linear(*pair) for pair in zip(self.student_channels, self.teacher_channels))
        self.generators = nn.ModuleList(
            TokenDecoder(
                channels,
                channels,
                channels=channels if decoder_channels is None else decoder_channels,
                depth=decoder_depth,
                num_heads=decoder_heads,
            )
            for channels in self.teacher_channels
        )

    def forward(
        self,
        student: TapOutputs,
        teacher: TapOutputs,
        hidden_tokens: Tensor,
        teacher_hidden_tokens: Tensor | None = None,
    ) -> Tensor:
        """The loss.

        Args:
            student: tokens of the visible positions (N, C, V), for each depth.
            teacher: tokens of all positions (N, C', L) or (N, C', T, H, W), for each depth.
            hidden_tokens: (N, L), True where the student sees nothing.
            teacher_hidden_tokens: (N, L), True where the teacher sees nothing either; None for nowhere.

        Raises:
            ValueError: the tokens do not fit each other or what the loss was built for, none is hidden, or the teacher
                sees no more than the student.
        """
        hidden, count = require_hidden(hidden_tokens), len(self.aligners)
        wanted = hidden
        if teacher_hidden_tokens is not None:
            wanted = to_device(on_host(hidden) & ~on_host(teacher_hidden_tokens), hidden.device)
        if not on_host(wanted).any():
            raise ValueError(
                'the teacher sees no more tokens than the student, so none is to be generated: student_tokens with '
                'teacher_keep above keep'
            )
        pairs = zip(as_taps(student, count=count, side='student'), as_taps(teacher, count=count, side='teacher'))
        return torch.stack(
            [self._loss(*pair, depth=depth, hidden=hidden, wanted=wanted) for depth, pair in enumerate(pairs)]
        ).mean()

    @method_in_full_precision
    def _loss(self, student: Tensor, teacher: Tensor, *, depth: int, hidden: Tensor, wanted: Tensor) -> Tensor:
        tokens = visible_tokens(student, inverted(hidden), channels=self.student_channels[depth])
        goal = as_tokens(teacher, channels=self.teacher_channels[depth], side='teacher')
        aligned = self.aligners[depth](tokens)
        generated = self.generators[depth](aligned, hidden, wanted)
        return self.direct_weight * amd(
            aligned, chosen_tokens(goal, inverted(hidden)), distance=self.distance
        ) + self.generated_weight * amd(generated, chosen_tokens(goal, wanted), distance=self.distance)
