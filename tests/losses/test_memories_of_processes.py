"""What losses remember and what they compare is the same in all processes, and that of one process."""

import pytest
import torch
import torch.distributed as dist

from kdtoolbox.losses import (
    AFD,
    IRG,
    ITRD,
    SEED,
    SRD,
    CompRess,
    DarkRank,
    FrameClipRelation,
    HierarchicalPKT,
    VideoMean,
)
from kdtoolbox.losses.features.overhaul import Overhaul
from kdtoolbox.losses.relations.crd import CRD
from tests.two_processes import in_two_processes

NUM_SAMPLES, BATCH_SIZE = 12, 8


def share_of(rank, num_processes):
    """What a sampler deals out to this process."""
    return slice(rank, None, num_processes)


def contrast(rank, num_processes):
    """Two steps of CRD over batches that overlap: mean loss and gradient, and the memory."""
    torch.manual_seed(0)
    loss = CRD(4, 6, num_samples=NUM_SAMPLES, feature_dim=5, num_negatives=NUM_SAMPLES)
    means = []
    for step in range(2):
        student, teacher = torch.randn(BATCH_SIZE, 4), torch.randn(BATCH_SIZE, 6)
        ids = [f'video_{(step * BATCH_SIZE + clip) % NUM_SAMPLES}' for clip in range(BATCH_SIZE)]
        mine = share_of(rank, num_processes)
        slots, all_slots = loss.memory.slots_of(ids[mine])
        # Every sample against every row, so that no random number is involved.
        indices = torch.cat([slots[:, None], torch.arange(NUM_SAMPLES).expand(len(slots), -1)], dim=1)
        value = loss.contrast(student[mine], teacher[mine], indices=indices, all_slots=all_slots)
        gradient = torch.autograd.grad(value, loss.embed_student.weight)[0]
        for mean in (value.detach(), gradient):
            if num_processes > 1:
                dist.all_reduce(mean)
            means.append(mean / num_processes)
    return {'means': torch.cat([mean.flatten() for mean in means]), **loss.memory.state_dict()}


def margins(rank, num_processes):
    """Two steps of OFD: the margins estimated."""
    torch.manual_seed(0)
    loss = Overhaul(4, 6)
    for _ in range(2):
        student, teacher = torch.randn(BATCH_SIZE, 4, 2, 3, 3), torch.randn(BATCH_SIZE, 6, 2, 3, 3)
        mine = share_of(rank, num_processes)
        loss(student[mine], teacher[mine])
    return loss.margins.state_dict()


def video_means(rank, num_processes):
    """Two steps of VideoMean over batches that overlap: its memory."""
    torch.manual_seed(0)
    loss, mine = VideoMean(loss=dict(type='L2')), share_of(rank, num_processes)
    for step in range(2):
        ids = [f'video_{(step * BATCH_SIZE + clip) % NUM_SAMPLES}' for clip in range(BATCH_SIZE)]
        loss(torch.zeros(BATCH_SIZE, 4)[mine], torch.randn(BATCH_SIZE, 4)[mine], sample_ids=ids[mine])
    return {f'VideoMean {name}': buffer for name, buffer in loss.named_buffers()}


GATHERING = {
    'AFD': lambda: AFD([4, 4], [6, 6], attention_channels=4),
    'SRD': lambda: SRD(4, 6),
    'IRG': lambda: IRG(vertices=False),
    'ITRD': lambda: ITRD(4, 6),
    'HierarchicalPKT': lambda: HierarchicalPKT(num_epochs=10),
    'DarkRank': lambda: DarkRank(),
    'FrameClipRelation': lambda: FrameClipRelation(),
    'SEED': lambda: SEED(4, queue_size=12),
    'CompRess': lambda: CompRess(4, 6, queue_size=12),
}
TAPS = {'AFD': 2, 'IRG': 3, 'HierarchicalPKT': 2}


def gathered(name, rank, num_processes):
    """Two steps of a loss that compares all clips: the mean of value and gradients, and what it remembers."""
    torch.manual_seed(0)
    loss, mine = GATHERING[name](), share_of(rank, num_processes)
    channels = {'SEED': 4}.get(name, 6)
    weight = torch.randn(4, 4, requires_grad=True)
    means = []
    for _ in range(2):
        maps = [
            (torch.randn(BATCH_SIZE, 4, 2, 2, 2)[mine], torch.randn(BATCH_SIZE, channels, 2, 2, 2)[mine])
            for _ in range(TAPS.get(name, 1))
        ]
        student = tuple(torch.einsum('oc,nc...->no...', weight, taps[0]) for taps in maps)
        teacher = tuple(taps[1] for taps in maps)
        extra = dict(progress=0.5) if name == 'HierarchicalPKT' else {}
        value = loss(*((side if len(maps) > 1 else side[0]) for side in (student, teacher)), **extra)
        learns = [weight, *loss.parameters()]
        gradients = torch.autograd.grad(value, learns)
        for mean in (value.detach()[None], *(gradient.flatten() for gradient in gradients)):
            if num_processes > 1:
                dist.all_reduce(mean)
            means.append(mean / num_processes)
    # Means and deviations of batch norms are followed in each process from all clips.
    return {f'{name} means': torch.cat(means), **{f'{name} {key}': part for key, part in loss.named_buffers()}}


def state(rank, num_processes):
    parts = {**contrast(rank, num_processes), **margins(rank, num_processes), **video_means(rank, num_processes)}
    for name in GATHERING:
        parts |= gathered(name, rank, num_processes)
    return {name: value.flatten().tolist() for name, value in parts.items()}


def test_two_processes_have_the_memory_and_the_loss_of_one(tmp_path):
    results = in_two_processes(state, tmp_path)
    alone = state(0, 1)
    assert len(set(alone['keys'])) == NUM_SAMPLES and min(alone['0.num_negative']) > 0
    for result in results:
        assert result.keys() == alone.keys() and result['keys'] == alone['keys']
        for name, value in alone.items():
            assert result[name] == pytest.approx(value, rel=1e-4, abs=1e-6), name
