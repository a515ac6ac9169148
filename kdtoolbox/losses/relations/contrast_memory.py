"""Memory bank: a student and a teacher embedding of every training sample, equal in all processes."""

import hashlib
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kdtoolbox.host_reads import HostCopy, to_device
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
        self._num_seen: HostCopy | None = None
        self._normalisers_are_known = False
        bound = (3 / feature_dim) ** 0.5  # expected length 1, as in the authors' code
        self.register_buffer('student', torch.empty(num_samples, feature_dim).uniform_(-bound, bound))
        self.register_buffer('teacher', torch.empty(num_samples, feature_dim).uniform_(-bound, bound))
        self.register_buffer('keys', torch.full((num_samples,), FREE))
        self.register_buffer('log_normalisers', torch.full((2,), -torch.inf))  # of student and teacher; -inf: not known

    def normalisers_are_known(self) -> bool:
        """Whether they are finite; the host asks the device until they are, which is from the second step on."""
        if not self._normalisers_are_known:
            self._normalisers_are_known = bool(self.log_normalisers.isfinite().all())
        return self._normalisers_are_known

    def _load_from_state_dict(self, *args, **options) -> None:
        super()._load_from_state_dict(*args, **options)
        self._normalisers_are_known = False

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
        keys = to_device(torch.tensor([sample_key(sample_id) for sample_id in sample_ids]), self.keys.device)
        all_keys = gather_batch(keys)
        self._assign(all_keys)
        ordered, slots = self.keys.sort()
        found, all_found = (torch.searchsorted(ordered, some).clamp(max=len(ordered) - 1) for some in (keys, all_keys))
        return slots[found], slots[all_found]

    def _assign(self, keys: Tensor) -> None:
        """Give new keys the next slots, in the order of the batch, without the host knowing which are new.

        On a GPU, too many samples are therefore noticed a step late; until then they take no slot.
        """
        self._refuse_too_many()
        ordered = self.keys.sort().values
        is_known = ordered[torch.searchsorted(ordered, keys).clamp(max=len(ordered) - 1)] == keys
        is_repeated = (keys[:, None] == keys).tril(-1).any(1)
        is_new = ~is_known & ~is_repeated
        slots = (self.keys != FREE).sum() + is_new.cumsum(0) - 1
        self._num_seen = HostCopy((self.keys != FREE).sum() + is_new.sum())
        if keys.device.type == 'cpu':
            self._refuse_too_many()
        # A row more, into which goes all that takes no slot.
        taken = torch.where(is_new & (slots < len(self.keys)), slots, len(self.keys))
        self.keys.copy_(torch.cat([self.keys, self.keys.new_zeros(1)]).scatter(0, taken, keys)[:-1])

    def _refuse_too_many(self) -> None:
        if self._num_seen is None:
            return
        num_seen, self._num_seen = int(self._num_seen.value()), None
        if num_seen > len(self.keys):
            raise ValueError(
                f'CRD was built with num_samples={len(self.keys)}, but {num_seen} different '
                'samples were seen: set num_samples to the size of the training set'
            )

    @torch.no_grad()
    def update(self, slots: Tensor, student: Tensor, teacher: Tensor) -> None:
        """Move the memory towards the embeddings (N, D) of the samples in ``slots``, all processes' together.

        If a sample occurs twice, the last one counts. Infinite and NaN embeddings are left out.
        """
        finite = student.isfinite().all(1) & teacher.isfinite().all(1)
        numbers = torch.where(finite, torch.arange(len(slots), device=slots.device), -1)
        last = torch.full((len(self.keys),), -1, device=slots.device).scatter_reduce(0, slots, numbers, 'amax')[slots]
        for memory, embeddings in ((self.student, student), (self.teacher, teacher)):
            moved = F.normalize(self.momentum * memory[slots] + (1 - self.momentum) * embeddings.to(memory.dtype))
            # Each place of a slot writes the same row: the last one's, or the old one if none is finite.
            memory[slots] = torch.where(last[:, None] >= 0, moved[last.clamp(min=0)], memory[slots])
