"""Labels of a batch, and the progress of the training."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import reduce
from operator import add

import torch
from mmengine.logging import MessageHub
from torch import Tensor, nn

from kdtoolbox.host_reads import to_device

UNLABELLED = -1


def training_progress() -> float:
    """Share of the running training that is done, [0, 1]; 0 outside one."""
    hub = MessageHub.get_current_instance()
    max_iters = hub.get_info('max_iters') if 'max_iters' in hub.runtime_info else None
    return min(1.0, hub.get_info('iter', 0) / max_iters) if max_iters else 0.0


@contextmanager
def at_progress(share: float) -> Iterator[None]:
    """Within it, so much of a training is done; for what is looked at outside of one."""
    hub = MessageHub.get_current_instance()
    before = {name: hub.runtime_info[name] for name in ('iter', 'max_iters') if name in hub.runtime_info}
    hub.update_info('iter', share)
    hub.update_info('max_iters', 1)
    try:
        yield
    finally:
        for name in ('iter', 'max_iters'):
            hub.runtime_info.pop(name)
        hub.update_info_dict(before)


def labels_of(data_samples: Sequence, device: torch.device) -> Tensor:
    """(N,), -1 where a sample has none; (N, ...) of multi-label samples. The host knows them if they come from it."""
    labels = [sample.gt_labels.item if 'gt_labels' in sample else torch.tensor([UNLABELLED]) for sample in data_samples]
    if any(label.device.type != 'cpu' for label in labels):  # such as blended ones
        labels = [label.to(device, non_blocking=True) for label in labels]
    if any(label.numel() != 1 for label in labels):
        return to_device(torch.stack(labels), device)
    return to_device(torch.cat([label.view(1) for label in labels]), device)


def zero_with_graph(network: nn.Module) -> Tensor:
    """A loss of 0 that gives every parameter that learns a gradient of 0."""
    return 0 * reduce(add, [parameter.sum() for parameter in network.parameters() if parameter.requires_grad])
