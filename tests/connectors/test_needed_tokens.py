"""The tokens that a connector needs are those whose change changes its output at the visible positions."""

import pytest
import torch
from torch import nn

from kdtoolbox.connectors import MatchGrid, PatchTokens, Standardize, TokensToMap
from kdtoolbox.connectors.needed_tokens import needed_tokens, only_moves_tokens


def matched(grid, frames='first', prefix=1):
    return nn.Sequential(TokensToMap(prefix), MatchGrid(grid, frames=frames))


@pytest.mark.parametrize(
    ('connector', 'frames', 'tokens', 'positions'),
    [
        (PatchTokens(1), 2, 10, 18),
        (matched((2, 3, 3)), 2, 10, 18),
        (matched((2, 3, 3)), 4, 10, 18),
        (matched((2, 3, 3), 'mean'), 4, 10, 18),
        (matched((2, 3, 3), 'stack', prefix=0), 4, 9, 18),
        (matched((1, 2, 2)), 2, 17, 4),
        (matched((1, 2, 2), 'mean'), 2, 10, 4),  # 3 x 3 resampled
    ],
)
def test_they_are_those_that_the_output_changes_with(connector, frames, tokens, positions):
    generator = torch.Generator().manual_seed(0)
    visible = torch.rand(2, positions, generator=generator) < 0.3
    visible[:, 0] = True
    x = torch.rand(2, 1, frames, tokens, generator=generator)
    expected = torch.zeros(2, frames, tokens, dtype=torch.bool)
    for frame in range(frames):
        for token in range(tokens):
            changed = x.clone()
            changed[:, :, frame, token] += 1
            differs = (connector(changed).flatten(2) != connector(x).flatten(2)).any(1) & visible
            expected[:, frame, token] = differs.any(1)
    found = needed_tokens(connector, visible, num_frames=frames, num_tokens=tokens)
    assert torch.equal(found, expected) and not found.all()


def test_none_where_the_connector_does_not_lead_to_such_a_grid():
    visible = torch.ones(2, 18, dtype=torch.bool)
    assert needed_tokens(matched((2, 2, 2)), visible, num_frames=2, num_tokens=10) is None  # 8 positions
    assert needed_tokens(matched((2, 3, 3)), visible, num_frames=2, num_tokens=9) is None  # TokensToMap refuses
    assert needed_tokens(matched((2, 3, 3)), visible, num_frames=3, num_tokens=10) is None  # MatchGrid refuses


def test_only_known_connectors_are_trusted():
    class Own(TokensToMap):
        pass

    assert only_moves_tokens(matched((2, 3, 3))) and only_moves_tokens(nn.Identity())
    assert not only_moves_tokens(Own(1))
    assert not only_moves_tokens(nn.Sequential(TokensToMap(1), Standardize(4)))
