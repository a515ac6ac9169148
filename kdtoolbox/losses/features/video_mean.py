"""The teacher's answer for the whole video as the target of each of its clips: ours."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from kdtoolbox.losses.relations.contrast_memory import sample_key
from kdtoolbox.losses.shared.gathering import gather_batch
from kdtoolbox.losses.shared.wrapped_loss import call, with_inputs_of
from kdtoolbox.registry import MODELS, register_loss


@register_loss(needs=('vectors', 'sample ids', 'memory bank'), checked_against=('a mean over a list for each video',))
class VideoMean(nn.Module):
    """A loss whose target is the mean of the teacher's vectors of all clips of the video that were seen so far.

    What a clip shows by chance, by its moment and its crop, averages out, and the student learns what the video is
    about. Each epoch shows another clip of the video, so the mean gets better as the training goes on; in the first it
    is the clip's own vector, and the loss is the one that it wraps.

    The means are kept for each ``sample_id``, of all processes, as buffers, so that a resumed run goes on with them: of
    240,000 videos and 1280 channels 1.2 GB. Infinite and NaN vectors are left out. In evaluation mode nothing is added.

    Args:
        loss: config of the loss of vectors (N, C) or logits (N, K), such as ``dict(type='L2')``.

    Raises:
        ValueError: the teacher gave no vectors, or samples have no id.
    """

    keys: Tensor
    means: Tensor
    counts: Tensor

    growing_buffers = ('keys', 'means', 'counts')

    def __init__(self, *, loss: Mapping) -> None:
        super().__init__()
        self.loss = MODELS.build(dict(loss))
        self.register_buffer('keys', torch.zeros(0, dtype=torch.long))
        self.register_buffer('means', torch.zeros(0, 0))
        self.register_buffer('counts', torch.zeros(0))
        self.forward = with_inputs_of(self.loss, self.forward)  # type: ignore[method-assign]  # see there

    def forward(self, student: Tensor, teacher: Tensor, sample_ids: Sequence[str], **extra) -> Tensor:
        if teacher.dim() != 2:
            raise ValueError(
                f'the teacher gave {tuple(teacher.shape)}, expected vectors (N, C): pool maps first (GlobalPool)'
            )
        if sample_ids is None or any(sample_id is None for sample_id in sample_ids):
            raise ValueError(
                'a mean is kept for each sample_id, but a sample of this batch has none: the pipeline must pack it: '
                "PackActionInputs(meta_keys=('sample_id',))"
            )
        keys = torch.tensor([sample_key(sample_id) for sample_id in sample_ids], device=teacher.device)
        if self.training:
            self._add(gather_batch(keys), gather_batch(teacher.detach().float()))
        return call(self.loss, student, self._means_of(keys, teacher), {**extra, 'sample_ids': sample_ids})

    @torch.no_grad()
    def _add(self, keys: Tensor, vectors: Tensor) -> None:
        finite = vectors.isfinite().all(1)
        keys, vectors = keys[finite], vectors[finite]
        new = torch.tensor(list(dict.fromkeys(keys[~torch.isin(keys, self.keys)].tolist())), device=keys.device)
        # Not in place: the means of this step may be in a graph, and the buffers grow.
        self.keys = torch.cat([self.keys, new.long()])
        counts = torch.cat([self.counts, self.counts.new_zeros(len(new))])
        means = torch.cat([self.means.reshape(-1, vectors.shape[1]), vectors.new_zeros(len(new), vectors.shape[1])])
        rows = self._rows_of(keys)
        added = torch.zeros_like(counts).index_add_(0, rows, torch.ones_like(rows, dtype=counts.dtype))
        sums = torch.zeros_like(means).index_add_(0, rows, vectors)
        self.counts = counts + added
        # (n m + s) / (n + a), written so that a mean of equal vectors stays what it is.
        self.means = means + (sums - added[:, None] * means) / self.counts.clamp(min=1)[:, None]

    def _means_of(self, keys: Tensor, teacher: Tensor) -> Tensor:
        """The mean of each clip's video; of a video that was never seen, the clip's own vector."""
        known = torch.isin(keys, self.keys)
        if not bool(known.any()):
            return teacher
        targets = teacher.detach().clone()
        targets[known] = self.means[self._rows_of(keys[known])].to(targets.dtype)
        return targets

    def _rows_of(self, keys: Tensor) -> Tensor:
        ordered, rows = self.keys.sort()
        return rows[torch.searchsorted(ordered, keys)]

    def _load_from_state_dict(self, state_dict, prefix, *rest) -> None:
        for name in self.growing_buffers:  # the stored ones have rows for the videos of their training
            if prefix + name in state_dict:
                setattr(self, name, torch.empty_like(state_dict[prefix + name], device=getattr(self, name).device))
        super()._load_from_state_dict(state_dict, prefix, *rest)
