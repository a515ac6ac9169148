"""torchvision image networks with your own number of classes."""

import torchvision
from torch import nn

from kdtoolbox.registry import MODELS


@MODELS.register_module(name='TorchvisionClassifier')
def torchvision_classifier(name: str, num_classes: int) -> nn.Module:
    """A torchvision network without weights, as ``model=dict(type=…)`` of an ImageTeacher with ``weights``.

    Args:
        name: as in ``torchvision.models.list_models()``.

    >>> torchvision_classifier('resnet18', num_classes=51).fc
    Linear(in_features=512, out_features=51, bias=True)
    """
    return torchvision.models.get_model(name, weights=None, num_classes=num_classes)
