"""The layer at which the first layers of an image network end, when a video student begins with them."""

import torch
from torch import Tensor, nn

from kdtoolbox.backbones.image_stem import cut_after

STRIDE = 8  # of the maps that the 3D layers get: measured with MobileNetV2's first seven blocks
_SIZE = 64  # pixels; every convolutional network takes it
_MAX_DEPTH = 2  # of a path: blocks, not the layers in them


def stem_layer(network: nn.Module) -> str | None:
    """Path of the last block whose maps have one pixel for 8x8 of the image; None if there is none that can be taken.

    >>> import torchvision
    >>> stem_layer(torchvision.models.mobilenet_v2()), stem_layer(torchvision.models.resnet18())
    ('features.6', 'layer2')
    """
    found: list[str] = []

    def note(path: str):
        def hook(module: nn.Module, inputs: tuple, output: object) -> None:
            if isinstance(output, Tensor) and output.dim() == 4 and output.shape[-1] * STRIDE == _SIZE:
                found.append(path)

        return hook

    blocks = [(path, module) for path, module in network.named_modules() if path and path.count('.') < _MAX_DEPTH]
    handles = [module.register_forward_hook(note(path)) for path, module in blocks]
    was_training = network.training
    device = next(network.parameters()).device
    try:
        with torch.no_grad():
            network.eval()(torch.zeros(1, 3, _SIZE, _SIZE, device=device))
    except Exception:  # of another size only, or no network of images: then there is no such layer
        return None
    finally:
        network.train(was_training)
        for handle in handles:
            handle.remove()
    return found[-1] if found and _can_be_cut_out(network, found[-1]) else None


def _can_be_cut_out(network: nn.Module, path: str) -> bool:
    try:
        cut_after(network, path)
    except Exception:  # what torch.fx cannot follow
        return False
    return True
