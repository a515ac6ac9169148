"""Which tokens of each clip the student sees: at random, in tubes, or those that a teacher looks at."""

import hashlib
import math
from collections import Counter
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from kdtoolbox.connectors.match_grid import match_grid
from kdtoolbox.registry import MODELS

Grid = tuple[int, int, int]


class VisibleTokens(nn.Module):
    """Base class: the share of tokens that is kept, and random numbers of its own.

    Each clip has a generator that is seeded by ``seed``, the number of the step and the clip's ``sample_id``. So the
    choice does not depend on how the batch is shared out over processes, and a resumed run continues exactly: the
    number of the step is a buffer.

    Args:
        keep: share of the tokens that the student sees, above 0, at most 1; as in the papers' code ``L - int(L *
            (1 - keep))`` of L.
        seed: of all draws.
        teacher_keep: share of its tokens that a video teacher on the student's grid computes, for each teacher by name,
            or one number for a single teacher; those of the student are among them. Default: all.

    Raises:
        ValueError: a share is out of range.
    """

    step: Tensor

    def __init__(self, *, keep: float, seed: int = 0, teacher_keep: float | Mapping[str, float] | None = None) -> None:
        super().__init__()
        if isinstance(keep, bool) or not isinstance(keep, (int, float)):
            raise ValueError(f'student_tokens keep={keep!r}: expected a number, a share above 0, at most 1')
        if not 0 < keep <= 1:
            raise ValueError(
                f'student_tokens keep={keep} leaves {"no token" if keep <= 0 else "more tokens than there are"}: '
                'expected a share above 0, at most 1'
            )
        self.keep, self.seed = float(keep), seed
        shares = (
            {} if teacher_keep is None else teacher_keep if isinstance(teacher_keep, Mapping) else {'': teacher_keep}
        )
        self.teacher_keep = {name: float(share) for name, share in shares.items()}
        for name, share in self.teacher_keep.items():
            if not self.keep <= share <= 1:
                raise ValueError(
                    f'student_tokens teacher_keep={share}{f" of {name!r}" if name else ""}: expected keep={keep} or '
                    'more, at most 1, as the teacher sees all that the student sees'
                )
        self.register_buffer('step', torch.zeros((), dtype=torch.long))
        self._next_step: int | None = None

    def forward(self, grid: Grid, sample_ids: Sequence[str | None], *, weights: Tensor | None = None) -> Tensor | None:
        """Draw the hidden tokens of a batch and count the step.

        Args:
            grid: time steps, rows and columns of the student's tokens.
            sample_ids: of the N clips.
            weights: see :class:`AttentionTokens`.

        Returns:
            (N, T H W) boolean on the CPU, True for hidden tokens, time first; None where all are kept.
        """
        if self._next_step is None:
            self._next_step = int(self.step)  # once: the host would wait for a device to tell
        step, self._next_step = self._next_step, self._next_step + 1
        self.step += 1
        if self.keep == 1:
            return None
        return self.choose(self._noise(step, sample_ids, grid), weights, keep=self.keep).flatten(1)

    def _load_from_state_dict(self, *args, **options) -> None:
        super()._load_from_state_dict(*args, **options)
        self._next_step = None

    def of_teachers(
        self, grid: Grid, sample_ids: Sequence[str | None], *, weights: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Name -> the hidden tokens of each teacher that computes only a part, in the step that was drawn last.

        They are drawn by the same scores as the student's, so those that the student sees are not among them.
        """
        shares = {name: keep for name, keep in self.teacher_keep.items() if keep < 1}
        if not shares:
            return {}
        step = int(self.step) if self._next_step is None else self._next_step
        noise = self._noise(step - 1, sample_ids, grid)
        return {name: self.choose(noise, weights, keep=keep).flatten(1) for name, keep in shares.items()}

    def choose(self, noise: Tensor, weights: Tensor | None, *, keep: float) -> Tensor:
        """Hidden tokens (N, T, H, W) from noise (N, T, H, W), uniform in [0, 1)."""
        raise NotImplementedError(f'{type(self).__name__} must override choose()')

    def _noise(self, step: int, sample_ids: Sequence[str | None], grid: Grid) -> Tensor:
        keys: list[object] = []
        seen: Counter[str] = Counter()  # several clips of a video in a batch are hidden each in its own way
        for place, sample in enumerate(sample_ids):
            keys.append(place if sample is None else f'{sample} {seen[sample]}' if seen[sample] else sample)
            seen.update([sample] if sample is not None else [])
        return torch.stack(
            [torch.rand(grid, generator=self._generator(step, key), dtype=torch.float64) for key in keys]
        )

    def _generator(self, step: int, sample: object) -> torch.Generator:
        digest = hashlib.blake2b(f'{self.seed} {step} {sample}'.encode(), digest_size=8).digest()
        return torch.Generator().manual_seed(int.from_bytes(digest, 'big') >> 1)


def number_kept(total: int, keep: float) -> int:
    """How many of ``total`` tokens are kept, as the papers' code rounds it.

    >>> number_kept(196, 0.2)
    40
    """
    return total - int(total * (1 - keep) + 1e-9)


def all_but_the_largest(scores: Tensor, count: int) -> Tensor:
    """True for all but the ``count`` largest scores of each row (..., L)."""
    hidden = torch.ones_like(scores, dtype=torch.bool)
    return hidden.scatter(-1, scores.topk(count, dim=-1).indices, False)


@MODELS.register_module()
class RandomTokens(VisibleTokens):
    """Tokens of the whole clip, or as many of each time step, each as likely.

    Args:
        keep: share that the student sees.
        seed: of all draws.
        each_step: whether each time step keeps as many; a student that sees frames as images needs it.
        teacher_keep: see :class:`VisibleTokens`.

    >>> hidden = RandomTokens(keep=0.25)((2, 4, 4), ['a', 'b'])
    >>> hidden.shape, (~hidden).sum(1)
    (torch.Size([2, 32]), tensor([8, 8]))
    """

    def __init__(
        self,
        *,
        keep: float,
        seed: int = 0,
        each_step: bool = False,
        teacher_keep: float | Mapping[str, float] | None = None,
    ) -> None:
        super().__init__(keep=keep, seed=seed, teacher_keep=teacher_keep)
        self.each_step = each_step

    def choose(self, noise: Tensor, weights: Tensor | None, *, keep: float) -> Tensor:
        rows = noise.flatten(2) if self.each_step else noise.flatten(1)
        return all_but_the_largest(rows, number_kept(rows.shape[-1], keep)).view(noise.shape)


@MODELS.register_module()
class TubeTokens(VisibleTokens):
    """The same places in all time steps, as in VideoMAE: a place that stands still cannot be read off another step.

    Args:
        keep: share that the student sees.
        seed: of all draws.
        teacher_keep: see :class:`VisibleTokens`.

    >>> hidden = TubeTokens(keep=0.5)((3, 2, 2), ['a']).view(3, 4)
    >>> bool((hidden == hidden[0]).all())
    True
    """

    def choose(self, noise: Tensor, weights: Tensor | None, *, keep: float) -> Tensor:
        places = noise[:, 0].flatten(1)
        hidden = all_but_the_largest(places, number_kept(places.shape[-1], keep))
        return hidden.view(len(noise), 1, *noise.shape[2:]).expand(noise.shape).clone()


@MODELS.register_module()
class AttentionTokens(VisibleTokens):
    """Tokens of each time step, drawn without replacement with a teacher's attention as weights, as in UMT.

    The attention is that of the class token to the patches in the last block, mean over the heads. It is brought to the
    student's grid by position, see :func:`match_grid`.

    Args:
        keep: share of each time step that the student sees.
        seed: of all draws.
        teacher: name of the teacher; ``''`` for a single one.
        frames: ``'first'`` or ``'mean'``: which of the teacher's frames in a time step of the student count.
        teacher_keep: see :class:`VisibleTokens`; of other teachers than ``teacher``, whose attention is to all tokens.

    Raises:
        ValueError: an option is out of range.
    """

    def __init__(
        self,
        *,
        keep: float,
        seed: int = 0,
        teacher: str = '',
        frames: str = 'first',
        teacher_keep: float | Mapping[str, float] | None = None,
    ) -> None:
        super().__init__(keep=keep, seed=seed, teacher_keep=teacher_keep)
        if teacher in self.teacher_keep:
            raise ValueError(
                "AttentionTokens needs the teacher's attention to all tokens: drop teacher_keep"
                + (f' of {teacher!r}' if teacher else '')
            )
        if frames not in ('first', 'mean'):
            raise ValueError(f"AttentionTokens frames={frames!r}: expected 'first' or 'mean'")
        self.teacher, self.frames = teacher, frames

    def weights_in(self, answers: Mapping[str, Tensor]) -> Tensor:
        """The attention among the answers of the teachers, by the paths of a term's taps."""
        return answers[self.path]

    @property
    def path(self) -> str:
        """Of the teacher's attention, as a term's tap would name it."""
        return f'{self.teacher}.class_attention' if self.teacher else 'class_attention'

    def choose(self, noise: Tensor, weights: Tensor | None, *, keep: float) -> Tensor:
        """``weights`` are the teacher's attention (N, L', T') to its L' patches; None makes all patches as likely."""
        rows = noise.flatten(2)
        if weights is not None:
            attention = patch_map(weights).to(noise)
            attention = match_grid(attention, noise.shape[1:], frames=self.frames)[:, 0].flatten(2)
            # The largest of log w + Gumbel noise are a draw without replacement (Yellott, 1977).
            smallest = torch.finfo(torch.float64).tiny
            rows = attention.clamp(min=smallest).log() - (-rows.clamp(min=smallest).log()).log()
        return all_but_the_largest(rows, number_kept(rows.shape[-1], keep)).view(noise.shape)


def patch_map(attention: Tensor) -> Tensor:
    """Attention to the patches of frames (N, L', T') as a map (N, 1, T', H', W').

    Raises:
        ValueError: the patches are no square.

    >>> patch_map(torch.zeros(2, 196, 8)).shape
    torch.Size([2, 1, 8, 14, 14])
    """
    side = math.isqrt(attention.shape[1])
    if side**2 != attention.shape[1]:
        raise ValueError(f"AttentionTokens: the teacher's {attention.shape[1]} patches a frame are no square")
    return attention.transpose(1, 2).unflatten(2, (side, side)).unsqueeze(1)
