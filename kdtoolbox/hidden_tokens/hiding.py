"""Leaving tokens of a video transformer out, after its position embedding, without a change of its class."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from kdtoolbox.host_reads import on_host, to_device

# Their layers need all tokens: windows, pooling or convolutions over them.
NEED_ALL_TOKENS = ('SwinTransformer3D', 'MViT', 'UniFormer', 'UniFormerV2')


def transformer_of(student: nn.Module) -> nn.Module:
    """The transformer of a student that can compute some of its tokens only.

    It has a ``patch_embed`` with one convolution, a ``pos_drop`` behind the position embedding and ``blocks`` that take
    any number of tokens: mmaction2's ``VisionTransformer`` (VideoMAE), and image ViTs of timm as a 2D recognizer's.

    Raises:
        ValueError: the student has none.
    """
    backbone = getattr(student, 'backbone', student)
    name = type(backbone).__name__
    if name in NEED_ALL_TOKENS:
        raise ValueError(
            f'student_tokens: the layers of {name} (windows, pooling or convolutions) need all tokens, so none can be '
            'left out: drop student_tokens, its tokens are then distilled all'
        )
    if not isinstance(getattr(backbone, 'blocks', None), (nn.ModuleList, nn.Sequential)) or not all(
        isinstance(getattr(backbone, part, None), nn.Module) for part in ('patch_embed', 'pos_drop')
    ):
        raise ValueError(
            f'student_tokens: {name} has no tokens to leave out: expected a transformer with patch_embed, pos_drop and '
            "blocks, such as mmaction2's VisionTransformer. Drop student_tokens"
        )
    if getattr(backbone, 'return_feat_map', False):
        raise ValueError(
            f'student_tokens: {name} has return_feat_map=True and makes a map of all tokens: set it to False'
        )
    return backbone


def patch_size(backbone: nn.Module) -> tuple[int, int, int]:
    """Frames, height and width of what one token covers.

    Raises:
        ValueError: the patch embedding has no convolution.
    """
    convolutions = [
        part for part in backbone.get_submodule('patch_embed').modules() if isinstance(part, (nn.Conv2d, nn.Conv3d))
    ]
    if not convolutions:
        raise ValueError(f'student_tokens: the patch_embed of {type(backbone).__name__} has no convolution')
    height, width = convolutions[0].stride[-2:]
    return (convolutions[0].stride[0] if isinstance(convolutions[0], nn.Conv3d) else 1), height, width


def grid_of(student: nn.Module, inputs: Tensor) -> tuple[int, int, int]:
    """Time steps, rows and columns of the student's tokens.

    Args:
        student: a recognizer.
        inputs: (N, 1, 3, T, H, W) of a 3D student, (N, T, 3, H, W) of a 2D one.

    Raises:
        ValueError: the student has no tokens that can be left out, or its patches do not fill the clip.
    """
    size = inputs.shape[3:] if inputs.dim() == 6 else (inputs.shape[1], *inputs.shape[3:])
    patch = patch_size(transformer_of(student))
    if any(side % part for side, part in zip(size, patch)):
        raise ValueError(
            f'student_tokens: patches of (T, H, W) = {patch} do not fill clips of {tuple(size)}: give the student '
            'frames and a view whose sides are multiples of them'
        )
    time, height, width = (side // part for side, part in zip(size, patch))
    return time, height, width


def clips_of(inputs: Tensor) -> Tensor:
    """The clips (N, 3, T, H, W) in the input of a recognizer, of several a sample the first.

    Args:
        inputs: (N, clips, 3, T, H, W) of a 3D student, (N, T, 3, H, W) of a 2D one.
    """
    return inputs[:, 0] if inputs.dim() == 6 else inputs.transpose(1, 2)


@contextmanager
def hiding(student: nn.Module, hidden: Tensor | None) -> Iterator[None]:
    """Within the block, the student computes the visible tokens only, besides class and register tokens.

    The tokens are chosen from what ``pos_drop`` gives, so they carry their positions, and all that follows computes as
    if only they had been there.

    Args:
        student: a recognizer.
        hidden: (N, L) boolean, True where it sees nothing, as many in each row; None for nowhere. For a student that
            sees the frames as images, as many in each frame.
    """
    if hidden is None:
        yield
        return
    backbone = transformer_of(student)
    prefix = getattr(backbone, 'num_prefix_tokens', 0)

    def choose(module: nn.Module, inputs, tokens: Tensor) -> Tensor:
        visible = ~on_host(hidden).view(len(tokens), -1)
        if tokens.shape[1] != prefix + visible.shape[1]:
            raise ValueError(
                f'student_tokens: {type(backbone).__name__} has {tokens.shape[1]} tokens, expected {prefix} class and '
                f'register tokens and {visible.shape[1]} patches'
            )
        order = to_device(visible.nonzero()[:, 1].view(len(tokens), -1) + prefix, tokens.device)
        kept = tokens.gather(1, order[..., None].expand(-1, -1, tokens.shape[2]))
        return torch.cat([tokens[:, :prefix], kept], dim=1) if prefix else kept

    handle = backbone.get_submodule('pos_drop').register_forward_hook(choose)
    try:
        yield
    finally:
        handle.remove()
