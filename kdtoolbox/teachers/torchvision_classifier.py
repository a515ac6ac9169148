"""Image networks of torchvision with another number of classes than ImageNet's."""

import torchvision
from torch import nn

from kdtoolbox.registry import MODELS


@MODELS.register_module(name='TorchvisionClassifier')
def torchvision_classifier(name: str, num_classes: int) -> nn.Module:
    """A network of torchvision without weights, for an ImageTeacher that is given some: ``model=dict(type=…)``.

    Args:
        name: as in ``torchvision.models.list_models()``.

    >>> torchvision_classifier('resnet18', num_classes=51).fc
    Linear(in_features=512, out_features=51, bias=True)
    """
    return torchvision.models.get_model(name, weights=None, num_classes=num_classes)
