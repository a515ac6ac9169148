"""A small transformer that predicts the tokens of hidden positions from those of visible ones."""

import torch
from torch import Tensor, nn

from kdtoolbox.host_reads import on_host
from kdtoolbox.losses.shared.option_checks import checked_positive
from kdtoolbox.losses.shared.token_distances import NORM_EPSILON
from kdtoolbox.losses.shared.token_positions import sine_cosine_positions


class TokenDecoder(nn.Module):
    """VideoMAE's decoder: a learned mask token at each hidden position, fixed positions, blocks, a linear head.

    Args:
        in_channels: C of the visible tokens.
        out_channels: C' of the prediction.
        channels: of the blocks.
        depth: number of blocks.
        num_heads: of their attention.

    Raises:
        ValueError: a number is below 1, or the channels cannot be shared out over the heads.

    >>> decoder = TokenDecoder(8, 6, channels=4, depth=1, num_heads=2)
    >>> decoder(torch.zeros(2, 3, 8), torch.tensor([[True, False, True, False, False]] * 2)).shape
    torch.Size([2, 2, 6])
    """

    def __init__(self, in_channels: int, out_channels: int, *, channels: int, depth: int, num_heads: int) -> None:
        super().__init__()
        for name, number in (('channels', channels), ('depth', depth), ('num_heads', num_heads)):
            checked_positive(number, f'decoder {name}')
        if channels % num_heads:
            raise ValueError(f'decoder channels={channels} cannot be shared out over num_heads={num_heads}')
        self.embed = nn.Linear(in_channels, channels, bias=False)
        self.mask_token = nn.Parameter(torch.zeros(channels))
        nn.init.trunc_normal_(self.mask_token, std=0.02)
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(
                channels,
                num_heads,
                dim_feedforward=4 * channels,
                dropout=0.0,
                activation='gelu',
                layer_norm_eps=NORM_EPSILON,
                batch_first=True,
                norm_first=True,
            )
            for _ in range(depth)
        )
        self.norm = nn.LayerNorm(channels, eps=NORM_EPSILON)
        self.head = nn.Linear(channels, out_channels)

    def forward(self, visible: Tensor, hidden: Tensor, wanted: Tensor | None = None) -> Tensor:
        """Predict the tokens of the hidden positions, or of the wanted ones among them.

        Args:
            visible: (N, V, C), the tokens of the positions that are not hidden, in order.
            hidden: (N, L) boolean, with L - V True in each row.
            wanted: (N, L) boolean, with W True in each row, all of them hidden; default: all that are. The others are
                not there at all.

        Returns:
            (N, W, C'), in the order of the positions.
        """
        visible = self.embed(visible)
        num_clips, num_positions = hidden.shape
        positions = sine_cosine_positions(num_positions, visible.shape[-1], like=visible).expand(num_clips, -1, -1)
        num_wanted = num_positions - visible.shape[1] if wanted is None else int(on_host(wanted)[0].sum())
        rank = hidden.int() if wanted is None else hidden.int() + (hidden & ~wanted).int()
        order = rank.argsort(dim=1, stable=True)[:, : visible.shape[1] + num_wanted]  # the visible ones first
        positions = positions.gather(1, order[..., None].expand(-1, -1, positions.shape[2]))
        x = torch.cat([visible, self.mask_token.to(visible).expand(num_clips, num_wanted, -1)], dim=1) + positions
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x[:, visible.shape[1] :]))
