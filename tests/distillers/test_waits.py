"""The host never waits for the device in a training step, but where it is said."""

import contextlib

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import OptimWrapper, OptimWrapperDict
from torch import nn

from kdtoolbox.engine import FiniteLossHook
from kdtoolbox.host_reads import HostCopy
from kdtoolbox.registry import MODELS
from tests.conftest import REPOSITORY
from tests.test_method_configs import FRAMES, STUDENT_PIXELS, small, teacher_files  # noqa: F401, a fixture
from tests.tiny import batch, distillation_head, student_config, teacher_config
from tests.unreadable_device import DEVICE, unreadable

GATED = dict(
    loss=dict(type='DKD'),
    gate=dict(type='ConfidenceGate', threshold=0.1),
    student='logits',
    teacher='logits',
)
DISTILLERS = {
    'Distiller': dict(terms=dict(features=distillation_head())),
    'Distiller without labels': dict(use_labels=False, terms=dict(features=distillation_head())),
    'AdversarialDistiller': dict(
        type='AdversarialDistiller',
        discriminator=dict(type='Discriminator', in_channels=8, widths=(6,)),
        adversarial=dict(
            loss=dict(type='BCEAdversarial'),
            dropout=0.5,
            regularizers=[dict(type='L2Regularizer', weight=0.01)],
            student_connector=dict(type='LinearProjection', in_channels=32, out_channels=8),
        ),
    ),
    'MutualDistiller': dict(
        type='MutualDistiller', peers=dict(twin=student_config()), loss=dict(type='KLDivergence'), teacher=None
    ),
    'Distiller of frame differences': dict(
        student_view=dict(size=16, modality='rgb_difference'), terms=dict(features=distillation_head())
    ),
}
# Of the losses that the papers on cross-dimensional distillation compare most, with the labels and maps they need.
TEN_LOSSES = (
    'kl_divergence', 'dkd', 'dist', 'hint', 'attention_transfer', 'similarity_preserving', 'rkd_distance', 'review_kd',
    'crd', 'nkd',
)  # fmt: skip


def build(**options) -> nn.Module:
    torch.manual_seed(0)
    config = dict(
        type='Distiller', student=student_config(), teacher=teacher_config(), student_view=dict(size=16),
        clip_shape=(4, 16, 16),
    )  # fmt: skip
    return MODELS.build({**config, **options}).train()


def optimizer_of(model: nn.Module) -> OptimWrapper | OptimWrapperDict:
    def wrapper(parameters):
        return OptimWrapper(torch.optim.AdamW(parameters), clip_grad=None)

    if hasattr(model, 'discriminator'):
        return OptimWrapperDict(
            student=wrapper([*model.student.parameters(), *model.criterion.parameters()]),
            discriminator=wrapper(model.discriminator.parameters()),
        )
    return wrapper(model.parameters())


def waits_of_two_steps(model: nn.Module, *data: dict) -> list[str]:
    """The waits in the second of two steps on the unreadable device: constants may be copied there in the first."""
    model.to(DEVICE)
    optimizer = optimizer_of(model)
    with unreadable() as waits:
        model.train_step(data[0], optimizer)
        waits.found.clear()
        model.train_step(data[-1], optimizer)
    return waits.found


@pytest.mark.parametrize('name', DISTILLERS)
def test_a_step_of_a_distiller_never_waits(name):
    assert not waits_of_two_steps(build(**DISTILLERS[name]), batch(), batch(labels=[0, -1, 2, -1]))


def test_the_shipped_flagship_never_waits(teacher_files):  # noqa: F811
    model = Config.fromfile(REPOSITORY / 'configs/kd_r2d_to_r3d_hmdb51.py').model.to_dict()
    shrunk = small('kl_divergence', teacher_files)
    model.update({name: shrunk[name] for name in ('student', 'teacher', 'student_view', 'clip_shape')})
    model['terms']['kd']['student_connector'].update(in_channels='auto', out_channels='auto')
    data = batch(4, frames=FRAMES, pixels=STUDENT_PIXELS)
    assert not waits_of_two_steps(MODELS.build(model).train(), data)


@pytest.mark.parametrize('name', TEN_LOSSES)
def test_a_step_with_a_loss_never_waits(name, teacher_files, monkeypatch):  # noqa: F811
    monkeypatch.setattr('kdtoolbox.distillers.distiller.training_progress', lambda: 0.5)
    # A generator of the meta device is none; torch's own draws there as well.
    monkeypatch.setattr('kdtoolbox.losses.relations.crd.common_generator', lambda device: None)
    torch.manual_seed(0)
    model = MODELS.build(small(name, teacher_files)).train()
    if (
        name == 'crd'
    ):  # normalisers are read until they are known, in the first steps; the number of samples a step late
        monkeypatch.setattr(HostCopy, 'value', lambda self: torch.tensor(4))
        monkeypatch.setattr(model.criterion.terms['crd'].loss.memory, '_normalisers_are_known', True)
    data = batch(4, frames=FRAMES, pixels=STUDENT_PIXELS, labels=[0, 1, -1, 50])
    assert not waits_of_two_steps(model, data)


def test_a_gate_is_waited_for_once_and_its_copy_is_queued_before_the_student_runs(monkeypatch):
    events = []

    class Copy(HostCopy):
        def __init__(self, tensor):
            events.append('queued')
            self.shape = tensor.shape

        def value(self):
            events.append('read')
            return torch.tensor([True, False, True, True])

    monkeypatch.setattr('kdtoolbox.criterion.gates.HostCopy', Copy)
    model = build(
        teacher=teacher_config(num_classes=None) | dict(model=dict(type='TinyImageNet', num_classes=5)),
        terms=dict(gated=GATED),
    )
    model.student.backbone.register_forward_hook(lambda *_: events.append('student'))
    events.clear()  # of the forward pass that found the shapes
    assert not waits_of_two_steps(model, batch(labels=[0, -1, 2, 1]))
    assert events == ['queued', 'student', 'read'] * 2


def test_whether_the_loss_is_finite_is_waited_for_once_after_the_backward_pass(monkeypatch):
    events = []
    monkeypatch.setattr(HostCopy, 'value', lambda self: events.append('read') or torch.tensor([1]))
    model = build(terms=dict(features=distillation_head())).to(DEVICE)
    optimizer = optimizer_of(model)
    FiniteLossHook()._watch(optimizer)
    model.student.backbone.conv1.conv.weight.register_hook(lambda gradient: events.append('backward'))
    with unreadable() as waits:
        model.train_step(batch(), optimizer)
    assert events == ['backward', 'read'] and not waits.found


@pytest.mark.parametrize(
    'read',
    [
        lambda x: x.sum().item(),
        lambda x: x[x > 0],
        lambda x: x.cpu(),
        lambda x: bool((x > 0).any()),
        lambda x: x.unique(),
        lambda x: torch.tensor([1.0], device=x.device),
        lambda x: x.new_tensor([1.0]),
        lambda x: torch.ones(3).to(x.device),
        lambda x: x[torch.tensor([0, 2])],
        lambda x: x.copy_(torch.ones(3)),
    ],
)
def test_a_wait_is_found(read):
    x = torch.zeros(3, device=DEVICE)
    with unreadable() as waits, contextlib.suppress(RuntimeError, NotImplementedError):
        read(x)
    assert waits.found


def test_queued_copies_and_computations_are_no_waits():
    with unreadable() as waits:
        x = torch.ones(3).to(DEVICE, non_blocking=True)
        x.copy_(torch.ones(3), non_blocking=True)
        x.new_full((), 2.0) + x.where(x > 0, 0).sum()
    assert not waits.found
