"""VideoMAE's prediction of hidden pixels, Tong et al., NeurIPS 2022, arXiv:2203.12602."""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from kdtoolbox.host_reads import inverted
from kdtoolbox.losses.shared.full_precision import in_full_precision, method_in_full_precision
from kdtoolbox.losses.shared.option_checks import checked_positive
from kdtoolbox.losses.shared.token_decoder import TokenDecoder
from kdtoolbox.losses.shared.token_distances import NORM_EPSILON
from kdtoolbox.losses.shared.tokens import chosen_tokens, require_hidden, visible_tokens
from kdtoolbox.method_card import from_paper
from kdtoolbox.registry import register_loss


def cubes_of(clips: Tensor, *, tubelet: Sequence[int]) -> Tensor:
    """Clips as the cubes of pixels that a transformer's tubelets cover, time first.

    Args:
        clips: (N, 3, T, H, W).
        tubelet: frames, height and width of a cube.

    Returns:
        (N, L, pixels of a cube, 3).

    Raises:
        ValueError: the cubes do not fill the clip.

    >>> import torch
    >>> cubes_of(torch.zeros(2, 3, 16, 224, 224), tubelet=(2, 16, 16)).shape
    torch.Size([2, 1568, 512, 3])
    """
    if clips.dim() != 5 or any(size % part for size, part in zip(clips.shape[2:], tubelet)):
        raise ValueError(
            f'clips {tuple(clips.shape)} cannot be cut into cubes {tuple(tubelet)}: expected (N, 3, T, H, W) with T, H '
            'and W multiples of it'
        )
    for dimension, part in zip((2, 4, 6), tubelet):
        clips = clips.unflatten(dimension, (-1, part))
    # (N, 3, T, t, H, h, W, w) -> (N, T H W, t h w, 3)
    return clips.permute(0, 2, 4, 6, 3, 5, 7, 1).flatten(4, 6).flatten(1, 3)


def normalized_cubes(cubes: Tensor) -> Tensor:
    """Each colour of each cube minus its mean, divided by its deviation, as the authors' code does it."""
    return (cubes - cubes.mean(2, keepdim=True)) / (cubes.var(2, keepdim=True).sqrt() + NORM_EPSILON)


@in_full_precision
def predicted_pixels(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean squared error of predicted cubes of pixels.

    Args:
        student: (N, hidden positions, pixels of a cube times 3).
        teacher: of its shape, the cubes themselves.
    """
    return F.mse_loss(student, teacher)


@from_paper('Tong et al., NeurIPS 2022, arXiv:2203.12602', weight='1, mean over the pixels of hidden cubes')
@register_loss(needs=('tokens', 'hidden tokens', 'learned parts'), checked_against=('a loop over cubes in numpy',))
class VideoMAE(nn.Module):
    """Predict the pixels at the hidden positions by a decoder: no teacher, ``teacher=None`` in the term.

    The pixels are those of the student's input. Each colour of each cube is normalised first, so that the student's
    mean and deviation do not matter.

    Args:
        student_channels: C of the student's last block.
        tubelet: frames, height and width of the cube of a token.
        normalize: whether cubes are normalised.
        decoder_channels, decoder_depth, decoder_heads: of the :class:`TokenDecoder`.

    Raises:
        ValueError: ``tubelet`` is not three numbers, or one of the numbers is below 1.
    """

    def __init__(
        self,
        student_channels: int,
        *,
        tubelet: Sequence[int] = (2, 16, 16),
        normalize: bool = True,
        decoder_channels: int = 384,
        decoder_depth: int = 4,
        decoder_heads: int = 6,
    ) -> None:
        super().__init__()
        self.student_channels = checked_positive(student_channels, 'student_channels')
        if len(tubelet) != 3:
            raise ValueError(f'tubelet={tubelet}: expected frames, height and width')
        frames, height, width = self.tubelet = tuple(checked_positive(part, 'a side of tubelet') for part in tubelet)
        self.normalize = normalize
        self.decoder = TokenDecoder(
            student_channels,
            3 * frames * height * width,
            channels=decoder_channels,
            depth=decoder_depth,
            num_heads=decoder_heads,
        )

    def forward(self, student: Tensor, teacher: None, hidden_tokens: Tensor, clips: Tensor) -> Tensor:
        """The loss.

        Args:
            student: tokens of the visible positions (N, C, V).
            teacher: None.
            hidden_tokens: (N, L), True where the student sees nothing.
            clips: (N, 3, T, H, W), the student's input.

        Raises:
            ValueError: the tokens do not fit the clips or what the loss was built for, or none is hidden.
        """
        return self._loss(student, clips, hidden=require_hidden(hidden_tokens))

    @method_in_full_precision
    def _loss(self, student: Tensor, clips: Tensor, *, hidden: Tensor) -> Tensor:
        tokens = visible_tokens(student, inverted(hidden), channels=self.student_channels)
        cubes = cubes_of(clips, tubelet=self.tubelet)
        if cubes.shape[1] != hidden.shape[1]:
            raise ValueError(
                f'tubelet={self.tubelet} cuts clips of {tuple(clips.shape[2:])} into {cubes.shape[1]} cubes, but the '
                f'student has {hidden.shape[1]} tokens: expected its own (tubelet_size, patch_size, patch_size)'
            )
        cubes = (normalized_cubes(cubes) if self.normalize else cubes).flatten(2)
        return predicted_pixels(self.decoder(tokens, hidden), chosen_tokens(cubes, hidden))
