"""Options that make a step cheaper give the weights of plain float32 steps."""

import pytest
import torch
from mmengine.optim import OptimWrapper
from torch import nn

from tests.distillers.test_waits import build
from tests.tiny import batch, distillation_head, student_config, teacher_config


def student_after(model: nn.Module, *, fused: bool = False, halves: int = 1) -> list[torch.Tensor]:
    """The student's weights after two steps of 4 clips, each given in one batch or in halves."""
    optimizer = OptimWrapper(
        torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, fused=fused), accumulative_counts=halves
    )
    data = batch(4)
    size = 4 // halves
    for _ in range(2):
        for part in range(halves):
            chosen = slice(part * size, (part + 1) * size)
            model.train_step({name: values[chosen] for name, values in data.items()}, optimizer)
    return [parameter.detach() for parameter in model.student.parameters()]


def kd(**options) -> nn.Module:
    options = {'student': student_config(norm='GN'), **options}  # no statistics of the batch
    return build(terms=dict(features=distillation_head()), **options)


@pytest.fixture(scope='module')
def plain() -> list[torch.Tensor]:
    return student_after(kd())


CASES = {
    'channels last': lambda: student_after(kd(channels_last=True)),
    'activation checkpointing': lambda: student_after(kd(student=student_config(norm='GN', with_cp=True))),
    'fused optimizer': lambda: student_after(kd(), fused=True),
    'gradients accumulated': lambda: student_after(kd(), halves=2),
    'small chunks': lambda: student_after(kd(teacher=teacher_config(chunk_size=1))),
}


@pytest.mark.parametrize('name', CASES)
def test_the_weights_are_those_of_plain_steps_within_1e_4(name, plain):
    torch.testing.assert_close(CASES[name](), plain, rtol=1e-4, atol=1e-5)


def test_a_teacher_in_bfloat16_teaches_nearly_the_same(plain):
    ours = student_after(kd(teacher=teacher_config(compute_dtype='bfloat16')))
    torch.testing.assert_close(ours, plain, rtol=0, atol=1e-2)


def test_channels_last_is_the_layout_of_weights_alone():
    model = build(channels_last=True)
    weight = model.student.backbone.layer1[0].conv1.conv.weight
    assert weight.is_contiguous(memory_format=torch.channels_last_3d) and not weight.is_contiguous()
    plain = build().student.state_dict()
    assert all(torch.equal(value, plain[name]) for name, value in model.student.state_dict().items())
