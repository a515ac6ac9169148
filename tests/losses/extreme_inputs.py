"""Inputs that a loss should bear: extreme ones, and nearly the same ones."""

import torch

from tests.losses.cases import each


def shifted(side, share=1e-3):
    """A little noise added: a share of the size of each clip's numbers, or so much itself where they are all 0."""
    generator = torch.Generator().manual_seed(5)

    def of(tensor):
        size = tensor.flatten(1).square().mean(1).sqrt().view(-1, *[1] * (tensor.dim() - 1))
        return tensor + share * size.masked_fill(size == 0, 1.0) * torch.randn(tensor.shape, generator=generator)

    return each(side, of)


def every_second(x):
    """1 for every second clip, in a shape that stretches to x."""
    return (torch.arange(len(x)) % 2).view(-1, *[1] * (x.dim() - 1))


EXTREMES = {
    'zeros': torch.zeros_like,
    'ones': torch.ones_like,
    'equal clips': lambda x: x[:1].expand_as(x),
    'clips equal but for rounding': lambda x: x[:1] * (1 + 1e-7 * every_second(x)),
    'opposite clips': lambda x: x[:1] * (1 - 2 * every_second(x)),
    'a dead clip': lambda x: torch.cat([0 * x[:1], x[1:]]),
    'a dead channel': lambda x: torch.cat([0 * x[:, :1], x[:, 1:]], dim=1),
    'a weak clip': lambda x: torch.cat([1e-7 * x[:1], x[1:]]),
    '1e4': lambda x: 1e4 * x,
    'signs of 1e4': lambda x: 1e4 * x.sign(),
    '1e-7': lambda x: 1e-7 * x,
}
