"""Contrastive representation distillation, Tian, Krishnan & Isola, ICLR 2020, arXiv:1910.10699."""

import math
from collections.abc import Sequence

import torch
from mmengine.dist import broadcast, get_world_size
from torch import Tensor, nn

from kdtoolbox.losses.relations.contrast_memory import ContrastMemory
from kdtoolbox.losses.shared.frame_vectors import unit_vectors
from kdtoolbox.losses.shared.full_precision import method_in_full_precision
from kdtoolbox.losses.shared.gathering import gather_batch, rows_of_this_process
from kdtoolbox.losses.shared.option_checks import checked_positive, checked_share, checked_temperature
from kdtoolbox.method_card import from_paper
from kdtoolbox.registry import register_loss

EPSILON = 1e-7


def noise_contrastive(scores: Tensor, *, num_samples: int) -> Tensor:
    """Noise-contrastive loss of one positive and K negatives; sum over these, mean over the batch.

    With x = exp(score) and c = K / num_samples, ``-log(x_0 / (x_0 + c)) - sum_k log(c / (x_k + c))``; in logarithms, so
    that no score is too large.

    Args:
        scores: (N, 1 + K), the positive first: similarity over temperature, less the logarithm of the normaliser.
        num_samples: of the training set.

    >>> noise_contrastive(torch.zeros(1, 2), num_samples=1)  # one of each, equally likely: 2 log 2
    tensor(1.3863)
    """
    noise = (scores.shape[1] - 1) / num_samples
    total = torch.logaddexp(scores, scores.new_full((), noise + EPSILON).log())
    log_positive = scores[:, 0] - total[:, 0]
    log_negative = math.log(noise) - total[:, 1:]
    return -(log_positive + log_negative.sum(1)).mean()


def draw_negatives(
    slots: Tensor, *, num_negatives: int, num_samples: int, generator: torch.Generator | None = None
) -> Tensor:
    """For each sample, slots of others, drawn with replacement.

    Args:
        slots: (N,).
        generator: of the random numbers, on the device of the slots; torch's own if not given.

    Returns:
        (N, num_negatives).

    >>> draw_negatives(torch.tensor([1]), num_negatives=3, num_samples=2)
    tensor([[0, 0, 0]])
    """
    offsets = torch.randint(1, num_samples, (len(slots), num_negatives), device=slots.device, generator=generator)
    return (slots[:, None] + offsets) % num_samples


def common_generator(device: torch.device) -> torch.Generator:
    """Random numbers that are the same in all processes, seeded from torch's random numbers in the first."""
    seed = torch.randint(2**62, (1,))
    broadcast(seed)
    return torch.Generator(device).manual_seed(int(seed))


@from_paper(
    'Tian, Krishnan & Isola, ICLR 2020, arXiv:1910.10699', weight='0.8, summed over the negatives, mean over the batch'
)
@register_loss(needs=('vectors', 'sample ids', 'learned parts', 'memory bank'), checked_against=('crd',))
class CRD(nn.Module):
    """Contrast student embeddings with teacher embeddings of all clips, and reversed, see :func:`noise_contrastive`.

    Student and teacher vectors are embedded by a linear layer each, of which the teacher's is learned too, and put to
    length 1. Each is contrasted with the other's memory, which holds an embedding of every training sample. The
    normalisers are estimated from the first batch and then stay. Negatives are other samples, whatever their classes;
    the authors' code can leave out those of the same class, for which labels are needed. Rows of samples not yet seen
    are random, as in the authors' code, whose memory however is per process, and with several processes falls back to
    that of the first in every step; here all processes store all samples, and draw the negatives together.

    Args:
        student_channels: C of the student's vectors.
        teacher_channels: C of the teacher's.
        num_samples: of the training set.
        feature_dim: of the embeddings.
        num_negatives: K, for each sample.
        temperature: divides the cosine similarities.
        momentum: share of the old embedding that a memory row keeps.

    Raises:
        ValueError: a number is below 1, there is one sample, or ``momentum`` is no share.
    """

    def __init__(
        self,
        student_channels: int,
        teacher_channels: int,
        *,
        num_samples: int,
        feature_dim: int = 128,
        num_negatives: int = 16384,
        temperature: float = 0.07,
        momentum: float = 0.5,
    ) -> None:
        super().__init__()
        if checked_positive(num_samples, 'num_samples') < 2:
            raise ValueError('num_samples=1: a contrast needs two samples or more')
        self.num_negatives = checked_positive(num_negatives, 'num_negatives')
        self.temperature = checked_temperature(temperature)
        self.embed_student = nn.Linear(
            checked_positive(student_channels, 'student_channels'), checked_positive(feature_dim, 'feature_dim')
        )
        self.embed_teacher = nn.Linear(checked_positive(teacher_channels, 'teacher_channels'), feature_dim)
        self.memory = ContrastMemory(num_samples, feature_dim, momentum=checked_share(momentum, 'momentum'))

    def forward(self, student: Tensor, teacher: Tensor, sample_ids: Sequence[str]) -> Tensor:
        slots, all_slots = self.memory.slots_of(sample_ids)
        negatives = draw_negatives(
            all_slots,
            num_negatives=self.num_negatives,
            num_samples=len(self.memory.keys),
            generator=common_generator(slots.device),
        )
        if get_world_size() > 1:
            negatives = negatives[rows_of_this_process(len(slots), device=slots.device)]
        return self.contrast(
            student, teacher, indices=torch.cat([slots[:, None], negatives], dim=1), all_slots=all_slots
        )

    @method_in_full_precision
    def contrast(self, student: Tensor, teacher: Tensor, *, indices: Tensor, all_slots: Tensor) -> Tensor:
        """The loss for given memory rows; in training the memory is then updated with the batch.

        Args:
            student: (N, C).
            teacher: (N, C').
            indices: (N, 1 + K), rows of the memory, each sample's own first.
            all_slots: the own rows of the samples of all processes, in the order of :func:`gather_batch`.

        Raises:
            ValueError: student or teacher are not vectors with as many channels as the loss was built for.
        """
        student = _embedded(student, self.embed_student, side='student')
        teacher = _embedded(teacher, self.embed_teacher, side='teacher')
        # Copies, because the memory changes before the backward pass.
        scores = [
            self._similarity(student, self.memory.teacher.clone(), indices),
            self._similarity(teacher, self.memory.student.clone(), indices),
        ]
        of_student, of_teacher = (
            noise_contrastive(score - log_normaliser, num_samples=len(self.memory.keys))
            for score, log_normaliser in zip(scores, self._log_normalisers(scores))
        )
        if self.training:
            self.memory.update(all_slots, gather_batch(student.detach()), gather_batch(teacher.detach()))
        return of_student + of_teacher

    def _similarity(self, embeddings: Tensor, memory: Tensor, indices: Tensor) -> Tensor:
        return (embeddings @ memory.T / self.temperature).gather(1, indices)

    @torch.no_grad()
    def _log_normalisers(self, scores: Sequence[Tensor]) -> Tensor:
        """(2,), of student and teacher: mean of exp(score) over the first batch of all processes, times num_samples."""
        known = self.memory.log_normalisers
        if self.memory.normalisers_are_known():
            return known.clone()
        per_sample = torch.stack([score.logsumexp(1) for score in scores], dim=1)
        of_all = gather_batch(per_sample)
        num_scores = len(of_all) * scores[0].shape[1]
        found = of_all.logsumexp(0) + math.log(len(self.memory.keys) / num_scores)
        if self.training:
            known.copy_(found)
        return found


def _embedded(vectors: Tensor, layer: nn.Linear, *, side: str) -> Tensor:
    if vectors.dim() != 2 or vectors.shape[1] != layer.in_features:
        raise ValueError(
            f'the {side} gave {tuple(vectors.shape)}, expected vectors (N, {layer.in_features}): tap '
            f"'features' or pool maps first (GlobalPool), and set {side}_channels to their channels"
        )
    return unit_vectors(layer(vectors), dim=1)
