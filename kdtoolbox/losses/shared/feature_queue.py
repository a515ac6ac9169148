"""A first-in first-out memory of unit vectors, equal in all processes."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class FeatureQueue(nn.Module):
    """The last ``size`` vectors that were added, random ones before that. Buffers, so that a resumed run continues.

    Args:
        size: number of vectors.
        channels: of each.

    >>> queue = FeatureQueue(3, 2)
    >>> queue.add(torch.eye(2))
    >>> queue.rows[:2]
    tensor([[1., 0.],
            [0., 1.]])
    """

    rows: Tensor
    position: Tensor

    def __init__(self, size: int, channels: int) -> None:
        super().__init__()
        self.register_buffer('rows', F.normalize(torch.randn(size, channels), dim=1))
        self.register_buffer('position', torch.zeros((), dtype=torch.long))

    @torch.no_grad()
    def add(self, vectors: Tensor) -> None:
        """Replace the oldest rows by ``vectors`` (N, C), those of all processes; infinite and NaN ones are left out."""
        finite = vectors.isfinite().all(1)
        order = (~finite).int().argsort(stable=True)  # the finite ones first; how many these are, only the device knows
        numbers = torch.arange(min(len(vectors), len(self.rows)), device=vectors.device)
        num_added = finite.sum().clamp(max=len(self.rows))
        chosen = order[numbers + finite.sum() - num_added]
        slots = (self.position + numbers) % len(self.rows)
        new = torch.where((numbers < num_added)[:, None], vectors[chosen].to(self.rows.dtype), self.rows[slots])
        # Not in place: the similarities of this step still need the rows as they were for their gradient.
        self.rows = self.rows.index_copy(0, slots, new)
        self.position = (self.position + num_added) % len(self.rows)
