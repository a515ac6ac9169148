"""What to say where the weights of a transformer are for other tokens than the network's."""

from collections.abc import Mapping

from torch import Tensor

PATCHES = ('patch_embed.projection.weight', 'patch_embed.proj.weight')
"""Ends of the names of the weights (C, 3, T, H, W) or (C, 3, H, W) that embed patches: of mmaction2, of timm."""


def other_tokens(state: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> str:
    """The first difference of the tokens of two state dicts, with the options that end it; '' if there is none.

    Args:
        state: the weights that are given.
        expected: those of the network.

    >>> import torch
    >>> given, own = torch.zeros(8, 3, 2, 16, 16), torch.zeros(8, 3, 1, 16, 16)
    >>> print(other_tokens({PATCHES[0]: given}, {PATCHES[0]: own}))
    its tokens cover (2, 16, 16) frames and pixels, not (1, 16, 16) as this network's: set tubelet_size=2, \
patch_size=16 of its backbone, or take another checkpoint
    """
    shared = [name for name in expected if name in state]
    for name in shared:
        given, own = tuple(state[name].shape), tuple(expected[name].shape)
        if name.endswith(PATCHES) and len(given) == len(own) > 3 and given[2:] != own[2:]:
            tubelet = f'tubelet_size={given[2]}, ' if len(given) == 5 else ''
            return (
                f'its tokens cover {given[2:]} {"frames and " if tubelet else ""}pixels, not {own[2:]} as this '
                f"network's: set {tubelet}patch_size={given[-1]} of its backbone, or take another checkpoint"
            )
    for name in shared:
        given, own = tuple(state[name].shape), tuple(expected[name].shape)
        if name.endswith('pos_embed') and len(given) == len(own) == 3 and given[1] != own[1] and given[2] == own[2]:
            return (
                f'its table {name} has {given[1]} positions, that of this network {own[1]}: set img_size and '
                "num_frames of its backbone to those of the checkpoint's training"
            )
    return ''
