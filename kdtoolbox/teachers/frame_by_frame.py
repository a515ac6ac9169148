"""Teachers that see one frame at a time: running an image network on the frames, and the layout of its outputs."""

from collections.abc import Callable, Collection, Mapping

import torch
from torch import Tensor

from kdtoolbox.taps import FEATURES, FRAME_FEATURES, FRAME_LOGITS, LOGITS
from kdtoolbox.teachers.frozen import FrozenTeacher


class FrameTeacher(FrozenTeacher):
    """A teacher whose outputs for a clip are made from its outputs for single frames.

    A frame's outputs depend on nothing but the frame, so they can be computed once and stored, see
    :class:`CachedTeacher`. Your own teacher of this kind overrides :meth:`run_frames` and :meth:`combine`.

    Attributes:
        frame_outputs: what :meth:`run_frames` always gives.
    """

    outputs_without_path: tuple[str, ...] = (LOGITS, FEATURES, FRAME_LOGITS, FRAME_FEATURES)
    frame_outputs: tuple[str, ...] = (FRAME_LOGITS, FRAME_FEATURES)

    def run(self, frames: Tensor) -> dict[str, Tensor]:
        return self.combine(self.run_frames(frames))

    @torch.no_grad()
    def outputs_of_frames(self, frames: Tensor) -> dict[str, Tensor]:
        """What :meth:`run_frames` gives, in float32."""
        with self.computing(frames.device):
            outputs = self.run_frames(frames)
        return {name: output.float() for name, output in outputs.items()}

    def run_frames(self, frames: Tensor) -> dict[str, Tensor]:
        """The outputs for each frame of (N, T', 3, H, W): name -> (N, T', ...), taps by their path."""
        raise NotImplementedError(f'{type(self).__name__} must override run_frames()')

    def combine(self, outputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The outputs for clips, as :meth:`forward` gives them, from those of :meth:`run_frames` or a part of them."""
        raise NotImplementedError(f'{type(self).__name__} must override combine()')

    def needed_for(self, paths: Collection[str]) -> set[str]:
        """The outputs of frames from which :meth:`combine` makes the outputs ``paths`` of clips."""
        of_frames = {LOGITS: FRAME_LOGITS, FEATURES: FRAME_FEATURES}
        return {of_frames.get(path, path) for path in paths}


def frame_by_frame(
    run_images: Callable[[Tensor], dict[str, Tensor]], frames: Tensor, *, chunk_size: int
) -> dict[str, Tensor]:
    """Run all frames of a batch of clips, ``chunk_size`` of them at a time.

    Args:
        run_images: images (B, 3, H, W) -> name -> output (B, ...).
        frames: (N, T', 3, H, W).

    Returns:
        name -> (N, T', ...).

    >>> clips = torch.rand(2, 5, 3, 4, 4)
    >>> frame_by_frame(lambda images: {'colour': images.mean((2, 3))}, clips, chunk_size=3)['colour'].shape
    torch.Size([2, 5, 3])
    """
    chunks = [run_images(images) for images in frames.flatten(0, 1).split(chunk_size)]
    return {name: torch.cat([chunk[name] for chunk in chunks]).unflatten(0, frames.shape[:2]) for name in chunks[0]}


def clip_layout(answers: Tensor) -> Tensor:
    """Move channels before frames, as in the outputs of all teachers.

    Args:
        answers: vectors (N, T', C), maps (N, T', C, H, W), or the tokens of a transformer (N, T', L, C).

    Returns:
        (N, C, T'), (N, C, T', H, W) or (N, C, T', L); other shapes are unchanged.

    >>> clip_layout(torch.zeros(2, 5, 197, 64)).shape
    torch.Size([2, 64, 5, 197])
    """
    if answers.dim() in (3, 5):
        return answers.movedim(1, 2)
    return answers.movedim(3, 1) if answers.dim() == 4 else answers
