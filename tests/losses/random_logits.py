"""Random logits and labels."""

import torch


def logits(num_clips=6, num_classes=10, seed=0, scale=3.0):
    generator = torch.Generator().manual_seed(seed)
    pair = torch.randn(2, num_clips, num_classes, generator=generator, dtype=torch.float64) * scale
    return pair[0].requires_grad_(), pair[1]


def some_labels(num_clips=6, num_classes=10):
    return torch.arange(num_clips) * 3 % num_classes
