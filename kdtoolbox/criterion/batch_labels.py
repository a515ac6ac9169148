"""Labels of a batch, and the progress of the training."""

from collections.abc import Sequence
from functools import reduce
from operator import add

import torch
from mmengine.logging import MessageHub
from torch import Tensor, nn

UNLABELLED = -1


def training_progress() -> float:
    """Share of the running training that is done, [0, 1]; 0 outside one."""
    hub = MessageHub.get_current_instance()
    max_iters = hub.get_info('max_iters') if 'max_iters' in hub.runtime_info else None
    return min(1.0, hub.get_info('iter', 0) / max_iters) if max_iters else 0.0


def labels_of(data_samples: Sequence, device: torch.device) -> Tensor:
    """(N,), -1 where a sample has none; (N, ...) of multi-label samples."""
    labels = [
        sample.gt_labels.item.to(device) if 'gt_labels' in sample else torch.tensor([UNLABELLED], device=device)
        for sample in data_samples
    ]
    if any(label.numel() != 1 for label in labels):
        return torch.stack(labels)
    return torch.cat([label.view(1) for label in labels])


def zero_with_graph(network: nn.Module) -> Tensor:
    """A loss of 0 that gives every parameter that learns a gradient of 0."""
    return 0 * reduce(add, [parameter.sum() for parameter in network.parameters() if parameter.requires_grad])
