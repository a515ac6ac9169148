"""Clip-frame correspondence, the 2D to 3D transfer of T3D, Diba et al., arXiv:1711.08200."""

import itertools
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kdtoolbox.losses.shared.full_precision import in_full_precision_of_any_shape
from kdtoolbox.losses.shared.gathering import gather_pair
from kdtoolbox.method_card import from_paper
from kdtoolbox.registry import register_loss


@in_full_precision_of_any_shape
def clip_frame_correspondence(student: Tensor, teacher: Tensor, *, classifier: nn.Module) -> Tensor:
    """Binary cross-entropy of classifying clips with their own frames against clips with frames of another clip.

    The N pairs of the batch match; the N that do not are made by rolling the teacher's side by one. The batch is that
    of all processes. A classifier that knows nothing is at log 2. Values are not compared, so the two networks may have
    features of any kind.

    Args:
        student: (N, C), or (N, C, ...), averaged over what is behind the channels.
        teacher: (N, C'), or (N, C', ...), likewise.
        classifier: turns (2 N, C + C') into the logits (2 N, 1) of a match.

    Raises:
        ValueError: the batch has fewer than 2 clips in all processes together, or the two sides differ in N.

    >>> know_nothing = nn.Linear(5, 1)
    >>> _ = nn.init.zeros_(know_nothing.weight), nn.init.zeros_(know_nothing.bias)
    >>> clip_frame_correspondence(torch.rand(4, 3), torch.rand(4, 2), classifier=know_nothing).detach()
    tensor(0.6931)
    """
    clips, frames = gather_pair(_pooled(student), _pooled(teacher), min_clips=2)
    matching = torch.cat([clips, frames], dim=1)
    mismatched = torch.cat([clips, frames.roll(1, dims=0)], dim=1)
    logits = classifier(torch.cat([matching, mismatched])).squeeze(1)
    truth = torch.cat([torch.ones_like(logits[: len(clips)]), torch.zeros_like(logits[len(clips) :])])
    return F.binary_cross_entropy_with_logits(logits, truth)


def _pooled(features: Tensor) -> Tensor:
    return features.flatten(2).mean(2) if features.dim() > 2 else features


@from_paper('T3D: Diba et al., 2017, arXiv:1711.08200')
@register_loss(needs=('vectors', 'learned parts', 'batch'), checked_against=('a loop over pairs',), min_batch_size=2)
class ClipFrameCorrespondence(nn.Module):
    """Classify from both networks' features whether clip and frames match, see :func:`clip_frame_correspondence`.

    The classifier is trained jointly with the student on the same loss; it is not adversarial. There is no temperature
    and no target: the student learns features from which the scene of the frames can be recognised.

    Args:
        student_channels: C.
        teacher_channels: C'.
        hidden_channels: widths of the layers of the classifier before its answer.
    """

    def __init__(
        self, student_channels: int, teacher_channels: int, *, hidden_channels: Sequence[int] = (512, 128)
    ) -> None:
        super().__init__()
        self.channels = (student_channels, teacher_channels)
        widths = [sum(self.channels), *hidden_channels]
        hidden = [
            layer
            for width, next_width in itertools.pairwise(widths)
            for layer in (nn.Linear(width, next_width), nn.ReLU())
        ]
        self.classifier = nn.Sequential(*hidden, nn.Linear(widths[-1], 1))

    def forward(self, student: Tensor, teacher: Tensor) -> Tensor:
        """The loss.

        Raises:
            ValueError: the channels are not those that the classifier was made for.
        """
        channels = (student.shape[1], teacher.shape[1])
        if channels != self.channels:
            raise ValueError(
                f'ClipFrameCorrespondence got {channels[0]} and {channels[1]} channels, expected '
                f'{self.channels[0]} and {self.channels[1]}: set student_channels={channels[0]}, '
                f'teacher_channels={channels[1]}'
            )
        return clip_frame_correspondence(student, teacher, classifier=self.classifier)
