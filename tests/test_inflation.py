"""A 3D student that starts from an inflated 2D network, by the one line of config that the flagship shows."""

import torch
import torchvision
from mmengine.config import Config

from kdtoolbox.registry import MODELS
from tests.conftest import REPOSITORY


def test_pretrained_inflates_a_2d_resnet_into_the_flagships_student(tmp_path):
    image_network = torchvision.models.resnet18(weights=None)
    for module in image_network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_mean)
    torch.save(image_network.state_dict(), tmp_path / 'resnet18.pth')
    config = Config.fromfile(REPOSITORY / 'configs/kd_r2d_to_r3d_hmdb51.py')
    config.merge_from_dict({'model.student.backbone.pretrained': str(tmp_path / 'resnet18.pth')})
    student = MODELS.build(config.model.student)
    student.init_weights()
    backbone = student.backbone
    for name, block in (('layer1', backbone.layer1), ('layer4', backbone.layer4)):
        flat = dict(getattr(image_network, name).named_parameters())
        for index in range(2):
            for conv in ('conv1', 'conv2'):
                inflated = getattr(block[index], conv)
                # Summed over time the kernel is the 2D one, so that on a still clip it answers as the 2D network.
                torch.testing.assert_close(inflated.conv.weight.sum(2), flat[f'{index}.{conv}.weight'])
    torch.testing.assert_close(backbone.conv1.conv.weight.sum(2), image_network.conv1.weight)
    torch.testing.assert_close(
        backbone.layer4[0].downsample.bn.running_mean, image_network.layer4[0].downsample[1].running_mean
    )
