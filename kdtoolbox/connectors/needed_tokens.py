"""Which of a teacher's tokens a connector needs for some positions of the student's grid."""

import torch
from torch import Tensor, nn

from kdtoolbox.connectors.match_grid import MatchGrid, PatchTokens
from kdtoolbox.connectors.tokens import TokensToMap

MOVES_TOKENS = (TokensToMap, MatchGrid, PatchTokens, nn.Identity)
"""They choose and average tokens, each channel alike, and nothing else."""


def only_moves_tokens(connector: nn.Module) -> bool:
    """Whether the connector, or each of its sequence, is one of :data:`MOVES_TOKENS`.

    >>> only_moves_tokens(nn.Sequential(TokensToMap(1), MatchGrid((8, 7, 7)))), only_moves_tokens(nn.Linear(2, 2))
    (True, False)
    """
    layers = list(connector) if type(connector) is nn.Sequential else [connector]
    return all(type(layer) in MOVES_TOKENS for layer in layers)


def needed_tokens(connector: nn.Module, visible: Tensor, *, num_frames: int, num_tokens: int) -> Tensor | None:
    """The tokens (N, C, T', L') that the connector's output depends on at the visible positions: those with a gradient.

    Args:
        connector: one that :func:`only_moves_tokens`.
        visible: (N, L) boolean on the CPU, of the student's grid, time first.
        num_frames: T'.
        num_tokens: L', class and register tokens counted.

    Returns:
        (N, T', L') boolean on the CPU; None where the connector does not lead from such tokens to such a grid.

    >>> visible = torch.tensor([[False, False, False, True]])
    >>> needed_tokens(TokensToMap(1), visible, num_frames=1, num_tokens=5)
    tensor([[[False, False, False, False,  True]]])
    """
    tokens = torch.zeros(len(visible), 1, num_frames, num_tokens, requires_grad=True)
    try:
        with torch.enable_grad():
            positions = connector(tokens).flatten(2)
    except ValueError:
        return None  # the term says what does not fit
    if positions.shape[2] != visible.shape[1]:
        return None
    (gradient,) = torch.autograd.grad((positions * visible[:, None]).sum(), tokens)
    return gradient[:, 0] != 0
