"""A video transformer with a summary token for each of several teachers."""

import logging
from collections.abc import Mapping
from typing import Any

import torch
from mmaction.models import VisionTransformer
from mmengine.logging import print_log
from torch import Tensor, nn

from kdtoolbox.registry import MODELS


@MODELS.register_module()
class SummaryVisionTransformer(VisionTransformer):
    """mmaction2's VisionTransformer with summary (class) tokens before its patches, one for each teacher.

    As in AM-RADIO (Ranzinger et al., CVPR 2024, arXiv:2312.06709), where each teacher has its own: a term takes one
    from a block by ``ClassToken(index)``, and the patches by ``PatchTokens(num_prefix_tokens)``. They pass all blocks
    and are never hidden. The head gets the mean of the patches, as in mmaction2.

    The state dict is mmaction2's and ``cls_token`` (1, num_summary_tokens, C). A checkpoint of mmaction2's class loads
    strictly, too: the summary tokens, which it has not, keep their random start, and a line in the log says so.

    Args:
        num_summary_tokens: 1 or more.
        options: of mmaction2's VisionTransformer.

    Raises:
        ValueError: there would be no summary token, or ``use_mean_pooling=False``, by which the head would get one.

    >>> vit = SummaryVisionTransformer(2, img_size=16, patch_size=8, embed_dims=8, depth=1, num_heads=2, num_frames=2)
    >>> vit(torch.zeros(3, 3, 2, 16, 16)).shape, vit.cls_token.shape
    (torch.Size([3, 8]), torch.Size([1, 2, 8]))
    """

    own_tensors = ('cls_token',)
    """Names of tensors that keep their start where a checkpoint has none."""

    def __init__(self, num_summary_tokens: int, **options: Any) -> None:
        if num_summary_tokens < 1 or not options.get('use_mean_pooling', True):
            raise ValueError(
                f'SummaryVisionTransformer num_summary_tokens={num_summary_tokens}, use_mean_pooling='
                f'{options.get("use_mean_pooling", True)}: expected 1 or more, and True, as the head gets the mean of '
                "the patches; without summary tokens take mmaction2's VisionTransformer"
            )
        super().__init__(**options)
        self.num_prefix_tokens = num_summary_tokens
        self.cls_token = nn.Parameter(torch.empty(1, num_summary_tokens, self.embed_dims))
        nn.init.trunc_normal_(self.cls_token, std=0.02)
        # Between the position table and pos_drop, behind which tokens are hidden; and before the mean.
        self.pos_drop.register_forward_pre_hook(self._with_summaries)
        self.norm.register_forward_hook(self._without_summaries)

    def _with_summaries(self, module: nn.Module, inputs: tuple[Tensor]) -> Tensor:
        (tokens,) = inputs
        return torch.cat([self.cls_token.expand(len(tokens), -1, -1).to(tokens.dtype), tokens], dim=1)

    def _without_summaries(self, module: nn.Module, inputs: tuple[Tensor], output: Tensor) -> Tensor:
        return output[:, self.num_prefix_tokens :]

    def _load_from_state_dict(self, state_dict: Mapping, prefix: str, *args: Any) -> None:
        name = f'{prefix}cls_token'
        if name not in state_dict:
            print_log(
                f'The checkpoint has no {name}: the {self.num_prefix_tokens} summary tokens keep their random start',
                'current',
                logging.WARNING,
            )
            state_dict = {**state_dict, name: self.cls_token.detach()}
        super()._load_from_state_dict(state_dict, prefix, *args)
