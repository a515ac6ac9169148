"""The attention of an image transformer's class token to its patches, out of its one forward pass."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

CLASS_ATTENTION = 'class_attention'


class ClassAttention:
    """Records the attention of the last block's class token, mean over the heads: (B, patches).

    Only that block leaves the fused kernel, which does not give its attention. For ViTs of timm and of transformers
    (CLIP, DINOv2, with register tokens too). SigLIP has no class token: the attention of its pooling head is taken, of
    both libraries; timm's is computed from the queries and keys beside the fused kernel.

    Args:
        network: the image network of a teacher.

    Raises:
        ValueError: it has no such attention.
    """

    def __init__(self, network: nn.Module) -> None:
        model = getattr(network, 'model', network)
        model = getattr(model, 'vision_model', model)  # not the texts' of CLIP
        self.name = type(model).__name__
        self.module: nn.Module
        self.num_prefix_tokens: int
        self.queries: nn.Module | None = None  # of a pooling head; the module is that of its keys
        if isinstance(getattr(model, 'blocks', None), (nn.Sequential, nn.ModuleList)):
            self._of_timm(model)
        elif isinstance(getattr(getattr(model, 'head', None), 'attention', None), nn.MultiheadAttention):
            self.module, self.num_prefix_tokens = model.get_submodule('head.attention'), 0
        else:
            self._of_transformers(model)

    def _of_timm(self, model: nn.Module) -> None:
        attention: Any = getattr(list(model.get_submodule('blocks').children())[-1], 'attn', None)
        if getattr(model, 'cls_token', None) is None:
            self._of_timm_pooling(model)
            return
        if not hasattr(attention, 'fused_attn') or not isinstance(getattr(attention, 'attn_drop', None), nn.Module):
            raise ValueError(self._lacks('no attention in its last block that can be read'))
        attention.fused_attn = False
        self.module, self.num_prefix_tokens = attention.attn_drop, getattr(model, 'num_prefix_tokens', 1)

    def _of_timm_pooling(self, model: nn.Module) -> None:
        head: Any = getattr(model, 'attn_pool', None)
        if not all(isinstance(getattr(head, part, None), nn.Module) for part in ('q_norm', 'k_norm')):
            raise ValueError(self._lacks('no class token and no pooling head with attention'))
        self.queries, self.module, self.scale = head.q_norm, head.k_norm, float(head.scale)
        counts_prefix = getattr(model, 'pool_include_prefix', False)
        self.num_prefix_tokens = getattr(model, 'num_prefix_tokens', 0) if counts_prefix else 0

    def _of_transformers(self, model: nn.Module) -> None:
        attentions: list[Any] = [
            part
            for part in model.modules()
            if type(part).__name__.endswith('Attention')
            and hasattr(getattr(part, 'config', None), '_attn_implementation')
        ]
        if not attentions:
            raise ValueError(self._lacks('no attention'))
        embeddings = getattr(model, 'embeddings', None)
        if not any(hasattr(embeddings, token) for token in ('class_embedding', 'cls_token')):
            raise ValueError(self._lacks('no class token and no pooling head with attention'))
        self.module, config = attentions[-1], copy.copy(attentions[-1].config)  # of this block alone
        config._attn_implementation = 'eager'
        attentions[-1].config = config
        self.num_prefix_tokens = 1 + getattr(config, 'num_register_tokens', 0)

    def _lacks(self, what: str) -> str:
        return (
            f'AttentionTokens: the teacher {self.name} has {what}, so nothing tells where it looks: take a ViT with a '
            'class token (CLIP, DINOv2), or RandomTokens or TubeTokens'
        )

    @contextmanager
    def recording(self) -> Iterator[dict[str, Tensor]]:
        """Run the network once inside the block; after it, the yielded dict holds the attention (B, patches)."""
        found: dict[str, Tensor] = {}
        queries: list[Tensor] = []

        def record(module: nn.Module, inputs, output) -> None:
            weights = output if isinstance(output, Tensor) else output[1]
            if queries:  # (B, heads, 1 or more, d) and (B, heads, L, d)
                weights = (self.scale * queries.pop().float() @ output.float().transpose(-2, -1)).softmax(-1)
            if weights.dim() == 4:  # (B, heads, L, L)
                weights = weights.mean(1)
            found[CLASS_ATTENTION] = weights[:, 0, self.num_prefix_tokens :].float()

        handles = [self.module.register_forward_hook(record)]
        if self.queries is not None:
            handles.append(self.queries.register_forward_hook(lambda module, inputs, output: queries.append(output)))
        try:
            yield found
        finally:
            for handle in handles:
                handle.remove()
