"""On a GPU: mixed precision, no waiting, one process of NCCL, compiled networks, layouts and retrieval."""

import os

import pytest
import torch
import torch.distributed as dist
from mmengine.model import MMDistributedDataParallel
from mmengine.optim import AmpOptimWrapper, OptimWrapper, OptimWrapperDict
from torch import nn

from kdtoolbox.engine import FiniteLossHook
from kdtoolbox.evaluation.nearest import retrieval_topk
from kdtoolbox.registry import MODELS
from tests.distillers.test_waits import DISTILLERS, GATED, build, optimizer_of
from tests.tiny import batch, distillation_head, teacher_config

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU'),
]
DEVICE = torch.device('cuda')
LABELS = [0, -1, 2, 1]


def gated() -> nn.Module:
    teacher = teacher_config() | dict(model=dict(type='TinyImageNet', num_classes=5))
    return build(teacher=teacher, terms=dict(gated=GATED))


def weights_after(model: nn.Module, steps: int = 3) -> list[torch.Tensor]:
    model.to(DEVICE)
    optimizer = OptimWrapper(torch.optim.SGD(model.parameters(), lr=0.1))
    for _ in range(steps):
        model.train_step(batch(labels=LABELS), optimizer)
    return [parameter.detach().cpu() for parameter in model.student.parameters()]


@pytest.mark.parametrize('name', [*DISTILLERS, 'gated'])
def test_a_step_does_not_synchronise(name):
    model = (gated() if name == 'gated' else build(**DISTILLERS[name])).to(DEVICE)
    optimizer = optimizer_of(model)
    for one in optimizer.values() if isinstance(optimizer, OptimWrapperDict) else [optimizer]:
        FiniteLossHook()._watch(one)
    model.train_step(batch(labels=LABELS), optimizer)  # constants go to the GPU, kernels are chosen
    torch.cuda.set_sync_debug_mode('error')
    try:
        model.train_step(batch(labels=LABELS), optimizer)
    finally:
        torch.cuda.set_sync_debug_mode('default')


@pytest.mark.parametrize('dtype', ['float16', 'bfloat16'])
@pytest.mark.parametrize('name', DISTILLERS)
def test_mixed_precision_learns_and_stays_finite(name, dtype):
    model = build(**DISTILLERS[name]).to(DEVICE)

    def wrapper(parameters):
        return AmpOptimWrapper(dtype=dtype, optimizer=torch.optim.SGD(parameters, lr=0.01))

    optimizer = wrapper(model.parameters())
    if hasattr(model, 'discriminator'):
        optimizer = OptimWrapperDict(
            student=wrapper([*model.student.parameters(), *model.criterion.parameters()]),
            discriminator=wrapper(model.discriminator.parameters()),
        )
    before = [parameter.detach().clone() for parameter in model.student.parameters()]
    for _ in range(3):
        logged = model.train_step(batch(labels=LABELS), optimizer)
    assert all(value.isfinite() for value in logged.values())
    assert all(parameter.isfinite().all() for parameter in model.student.parameters())
    assert any(not torch.equal(one, other) for one, other in zip(before, model.student.parameters()))


def test_channels_last_gives_the_same_weights():
    plain = weights_after(build(terms=dict(features=distillation_head())))
    last = weights_after(build(terms=dict(features=distillation_head()), channels_last=True))
    torch.testing.assert_close(last, plain, rtol=1e-3, atol=1e-4)


def test_one_process_of_nccl_gives_the_weights_of_none(tmp_path):
    plain = weights_after(build(terms=dict(features=distillation_head())))
    os.environ.pop('NCCL_ASYNC_ERROR_HANDLING', None)
    dist.init_process_group('nccl', init_method=f'file://{tmp_path}/meeting', rank=0, world_size=1)
    try:
        model = build(terms=dict(features=distillation_head())).to(DEVICE)
        wrapped = MMDistributedDataParallel(model, device_ids=[0])
        optimizer = OptimWrapper(torch.optim.SGD(model.parameters(), lr=0.1))
        for _ in range(3):
            wrapped.train_step(batch(labels=LABELS), optimizer)
        ours = [parameter.detach().cpu() for parameter in model.student.parameters()]
    finally:
        dist.destroy_process_group()
    torch.testing.assert_close(ours, plain, rtol=1e-3, atol=1e-4)


def test_a_compiled_teacher_and_student_answer_as_plain_ones():
    torch.manual_seed(0)
    plain = MODELS.build(teacher_config()).to(DEVICE)
    torch.manual_seed(0)
    compiled = MODELS.build(teacher_config(compile=True)).to(DEVICE)
    frames = torch.randn(2, 2, 3, 24, 24, device=DEVICE)
    torch.testing.assert_close(compiled(frames)['logits'], plain(frames)['logits'], rtol=1e-3, atol=1e-4)
    model = build(terms=dict(features=distillation_head()))
    expected = weights_after(build(terms=dict(features=distillation_head())))
    model.student.backbone.compile()
    torch.testing.assert_close(weights_after(model), expected, rtol=1e-2, atol=1e-3)


def test_retrieval_of_vectors_on_a_gpu_is_that_on_the_cpu():
    generator = torch.Generator().manual_seed(0)
    queries, gallery = torch.rand(64, 32, generator=generator), torch.rand(200, 32, generator=generator)
    labels = torch.arange(64) % 7, torch.arange(200) % 7
    on_gpu = retrieval_topk(queries.to(DEVICE), labels[0].to(DEVICE), gallery.to(DEVICE), labels[1].to(DEVICE))
    assert on_gpu == retrieval_topk(queries, labels[0], gallery, labels[1])
