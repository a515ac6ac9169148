"""Unmasked teacher: towards training-efficient video foundation models, Li et al., ICCV 2023, arXiv:2303.16058."""

import torch
from torch import Tensor, nn

from kdtoolbox.host_reads import inverted
from kdtoolbox.losses.shared.frame_vectors import unit_vectors
from kdtoolbox.losses.shared.full_precision import in_full_precision, method_in_full_precision
from kdtoolbox.losses.shared.learned_maps import TapOutputs, Widths, as_taps, channel_lists
from kdtoolbox.losses.shared.token_distances import NORM_EPSILON, TOKEN_DISTANCES, checked_distance
from kdtoolbox.losses.shared.token_positions import sine_cosine_positions
from kdtoolbox.losses.shared.tokens import as_tokens, chosen_tokens, visible_tokens
from kdtoolbox.method_card import from_paper
from kdtoolbox.registry import register_loss


@in_full_precision
def umt(student: Tensor, teacher: Tensor, *, distance: str = 'cosine', normalize: bool = True) -> Tensor:
    """Distance of the predicted tokens to the teacher's at the same positions, mean over all tokens.

    Args:
        student: predicted tokens (N, V, C).
        teacher: of the student's shape.
        distance: ``'cosine'`` for ``2 - 2 cos``, else the mean over the elements: ``'l1'``, ``'l2'``, ``'smooth_l1'``.
        normalize: whether both are scaled to length 1 first; the cosine does so anyway.

    >>> umt(torch.tensor([[[1., 0.]]]), torch.tensor([[[0., 3.]]]))
    tensor(2.)
    """
    if normalize:
        student, teacher = unit_vectors(student, dim=-1), unit_vectors(teacher, dim=-1)
    return TOKEN_DISTANCES[distance](student, teacher)


@from_paper('Li et al., ICCV 2023, arXiv:2303.16058', weight='1, mean over depths, clips and visible tokens')
@register_loss(needs=('tokens', 'several taps', 'learned parts'), checked_against=('umt',), only_visible=True)
class UMT(nn.Module):
    """Match the teacher's tokens at the visible positions, at one or several depths, see :func:`umt`.

    For each depth a fixed table of positions is added to the student's tokens, then come a linear layer and a layer
    norm. The mean over the depths is taken. Without hidden tokens all positions are visible.

    Args:
        student_channels: C of each tapped block.
        teacher_channels: C of each of the teacher's.
        distance: see :func:`umt`; the authors' code has ``'cosine'`` (there ``'l2'``), ``'l2'`` (``'mse'``) and
            ``'smooth_l1'``.
        normalize: see :func:`umt`.

    Raises:
        ValueError: the channel numbers do not fit together, or the distance is unknown.
    """

    def __init__(
        self, student_channels: Widths, teacher_channels: Widths, *, distance: str = 'cosine', normalize: bool = True
    ) -> None:
        super().__init__()
        self.student_channels, self.teacher_channels = channel_lists(student_channels, teacher_channels)
        self.distance, self.normalize = checked_distance(distance), normalize
        self.decoders = nn.ModuleList(
            nn.Sequential(nn.Linear(*pair), nn.LayerNorm(pair[1], eps=NORM_EPSILON))
            for pair in zip(self.student_channels, self.teacher_channels)
        )

    def forward(self, student: TapOutputs, teacher: TapOutputs, hidden_tokens: Tensor | None = None) -> Tensor:
        """The loss.

        Args:
            student: tokens of the visible positions (N, C, V), for each depth.
            teacher: tokens of all positions (N, C', L) or (N, C', T, H, W), for each depth.
            hidden_tokens: (N, L), True where the student sees nothing; None for nowhere.

        Raises:
            ValueError: the tokens do not fit each other or what the loss was built for.
        """
        count = len(self.decoders)
        pairs = zip(as_taps(student, count=count, side='student'), as_taps(teacher, count=count, side='teacher'))
        return torch.stack(
            [self._loss(*pair, depth=depth, hidden=hidden_tokens) for depth, pair in enumerate(pairs)]
        ).mean()

    def predict(self, tokens: Tensor, visible: Tensor, *, depth: int) -> Tensor:
        """The teacher's tokens as predicted from the student's: (N, V, C) -> (N, V, C')."""
        table = sine_cosine_positions(visible.shape[1], tokens.shape[-1], like=tokens)
        return self.decoders[depth](tokens + chosen_tokens(table.expand(len(tokens), -1, -1), visible))

    @method_in_full_precision
    def _loss(self, student: Tensor, teacher: Tensor, *, depth: int, hidden: Tensor | None) -> Tensor:
        goal = as_tokens(teacher, channels=self.teacher_channels[depth], side='teacher')
        visible = torch.ones_like(goal[..., 0], dtype=torch.bool) if hidden is None else inverted(hidden)
        tokens = visible_tokens(student, visible, channels=self.student_channels[depth])
        prediction = self.predict(tokens, visible, depth=depth)
        return umt(prediction, chosen_tokens(goal, visible), distance=self.distance, normalize=self.normalize)
