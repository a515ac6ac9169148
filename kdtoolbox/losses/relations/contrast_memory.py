"""Memory bank: a student and a teacher embedding of every training sample, equal in all processes."""

import hashlib
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kdtoolbox.losses.shared.gathering import gather_batch

FREE = 0


def sample_key(sample_id: str) -> int:
    """A 63-bit number for a sample, the same in every process and every run; never :data:`FREE`.

    >>> sample_key('v_Archery_g01_c01') == sample_key('v_Archery_g01_c01') != sample_key('v_Archery_g01_c02')
    True
    """
    digest = hashlib.blake2b(sample_id.encode(), digest_size=8).digest()
    return max(int.from_bytes(digest, 'big') >> 1, FREE + 1)


class ContrastMemory(nn.Module):
    """The memory bank of CRD. It consists of buffers, so that a resumed run continues with it.

    A sample gets its slot when it is first used, in the order of the batch that all processes make together, so all
    processes agree on it. Every process stores the embeddings of all samples.

    Args:
        num_samples: of the training set: slots.
        feature_dim: of the embeddings.
        momentum: factor of the old embedding.
    """

    student: Tensor
    teacher: Tensor
    keys: Tensor
    log_normalisers: Tensor

    def __init__(self, num_samples: int, feature_dim: int, *, momentum: float) -> None:
        super().__init__()
        self.momentum = momentum
        bound = (3 / feature_dim) ** 0.5  # expected length 1, as in the authors' code
        self.register_buffer('student', torch.empty(num_samples, feature_dim).uniform_(-bound, bound))
        self.register_buffer('teacher', torch.empty(num_samples, feature_dim).uniform_(-bound, bound))
        self.register_buffer('keys', torch.full((num_samples,), FREE))
        self.register_buffer('log_normalisers', torch.full((2,), -torch.inf))  # of student and teacher; -inf: not known

    def slots_of(self, sample_ids: Sequence[str]) -> tuple[Tensor, Tensor]:
        """The slots of this process's samples and those of all processes', which are assigned where they are new.

        Raises:
            ValueError: a sample has no id, or there are more samples than slots.
        """
        if sample_ids is None or any(sample_id is None for sample_id in sample_ids):
            raise ValueError(
                'CRD keeps an embedding of each sample by its sample_id, but one of this batch has none: '
                "the data set's pipeline must pack it as meta information ('sample_id')"
            )
        keys = torch.tensor([sample_key(sample_id) for sample_id in sample_ids], device=self.keys.device)
        all_keys = gather_batch(keys)
        self._assign(all_keys)
        ordered, slots = self.keys.sort()
        return slots[torch.searchsorted(ordered, keys)], slots[torch.searchsorted(ordered, all_keys)]

    def _assign(self, keys: Tensor) -> None:
        new = list(dict.fromkeys(keys[~torch.isin(keys, self.keys)].tolist()))
        num_taken = int((self.keys != FREE).sum())
        if num_taken + len(new) > len(self.keys):
            raise ValueError(
                f'CRD was built with num_samples={len(self.keys)}, but {num_taken + len(new)} different '
                'samples were seen: set num_samples to the size of the training set'
            )
        self.keys[num_taken : num_taken + len(new)] = torch.tensor(new, dtype=self.keys.dtype, device=self.keys.device)

    @torch.no_grad()
    def update(self, slots: Tensor, student: Tensor, teacher: Tensor) -> None:
        """Move the memory towards the embeddings (N, D) of the samples in ``slots``, all processes' together.

        If a sample occurs twice, the last one counts. Infinite and NaN embeddings are left out.
        """
        finite = student.isfinite().all(1) & teacher.isfinite().all(1)
        slots, student, teacher = slots[finite], student[finite], teacher[finite]
        last = torch.zeros(len(self.keys), dtype=torch.long, device=slots.device)
        numbers = torch.arange(len(slots), device=slots.device)
        last.scatter_reduce_(0, slots, numbers, 'amax', include_self=False)
        rows = last[slots] == numbers
        for memory, embeddings in ((self.student, student), (self.teacher, teacher)):
            moved = self.momentum * memory[slots[rows]] + (1 - self.momentum) * embeddings[rows].to(memory.dtype)
            memory[slots[rows]] = F.normalize(moved)
