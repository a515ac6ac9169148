"""A student that equals the teacher is at the minimum of every loss.

Where a loss has learned parts, they are set to what they should learn: the identity, or the teacher's own part. Where
it asks for more than equality, such as a margin or the label, the teacher is one that has it.
"""

import copy
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kdtoolbox.losses.logits.teacher_free import virtual_teacher
from kdtoolbox.registry import MODELS
from tests.losses.cases import CHANNELS, CLASSES, Case, all_cases, each, tensors
from tests.losses.extreme_inputs import shifted

CASES = all_cases()
CERTAIN = 100.0  # a logit that leaves the other classes nothing


class Equal(NamedTuple):
    """A loss and the inputs at which it should be at its minimum."""

    loss: nn.Module
    student: Tensor | tuple[Tensor, ...]
    teacher: Tensor | tuple[Tensor, ...] | None
    extra: dict
    others: Callable[[float], Tensor | tuple[Tensor, ...]]  # students as far away as the number says


def plain(case: Case, *, change=lambda x: x, **options) -> Equal:
    """The teacher's numbers on both sides, perhaps changed; the loss with other arguments."""
    loss = MODELS.build({**copy.deepcopy(dict(case.config)), **options}).train()
    teacher = each(case.pair()[1], change)
    return Equal(loss, teacher, teacher, case.extra(clips=len(tensors(teacher)[0])), partial(shifted, teacher))


def with_parts(case: Case, *, change=lambda x: x, **parts: Callable[[nn.Module], nn.Module]) -> Equal:
    """The loss with modules that are set by hand: name -> function of the loss."""
    made = plain(case, change=change)
    for name, part in parts.items():
        setattr(made.loss, name, part(made.loss))
    return made


def identity(loss: nn.Module) -> nn.Module:
    return nn.Identity()


def identities(loss: nn.Module) -> nn.Module:
    return nn.ModuleList(nn.Identity() for _ in loss.connectors)


def outside_the_margin(x: Tensor) -> Tensor:
    return torch.where(x > 0, x + 1, x - 1)


def certain(x: Tensor) -> Tensor:
    return CERTAIN * F.one_hot(x.argmax(1), x.shape[1])


def certain_of_the_label(case: Case) -> Equal:
    labels = case.extra(clips=len(case.pair()[1]))['labels']
    return plain(case, change=lambda x: x + CERTAIN * F.one_hot(labels, x.shape[1]))


def as_the_virtual_teacher(case: Case) -> Equal:
    made = plain(case)
    student = virtual_teacher(made.extra['labels'], num_classes=CLASSES, correct_probability=0.99)
    return made._replace(
        loss=MODELS.build({**dict(case.config), 'correct_probability': 0.99}),
        student=student,
        teacher=None,
        others=partial(shifted, student),
    )


def weighted_alike(case: Case) -> Equal:
    """WSLD weighs a clip by the student's error, as a number without gradient: compared are students of equal error."""
    made = plain(case)
    label = F.one_hot(made.extra['labels'], CLASSES).bool()

    def others(share):
        moved = shifted(made.student, share).masked_fill(label, -torch.inf)
        rest = made.student.masked_fill(label, -torch.inf)
        kept = moved - moved.logsumexp(1, keepdim=True) + rest.logsumexp(1, keepdim=True)
        return torch.where(label, made.student, kept)

    return made._replace(others=others)


class OwnMapOnly(nn.Module):
    """Attention that takes nothing from the deeper stages."""

    def forward(self, maps: Tensor) -> Tensor:
        return torch.cat([torch.ones_like(maps[:, :1]), torch.zeros_like(maps[:, :1])], dim=1)


def fused_with_nothing(case: Case) -> Equal:
    made = plain(case)
    for fusion in made.loss.fusions:
        fusion.reduce, fusion.expand = nn.Identity(), nn.Identity()
        fusion.attention = None if fusion.attention is None else OwnMapOnly()
    return made


def two_opposite_clips(teacher: Tensor) -> Tensor:
    return torch.stack([teacher[0], -teacher[0]])


def with_a_memory_of_these_clips(case: Case) -> Equal:
    """Two clips, opposite in the embedding, which is the same on both sides: away from the one is towards the other."""
    made = plain(case, change=two_opposite_clips, num_samples=2)
    loss = made.loss
    loss.embed_student.load_state_dict(loss.embed_teacher.state_dict())
    for layer in (loss.embed_student, loss.embed_teacher):
        nn.init.zeros_(layer.bias)
    loss.memory.slots_of(made.extra['sample_ids'])
    for rows in (loss.memory.student, loss.memory.teacher):
        rows.copy_(F.normalize(loss.embed_teacher(made.teacher).detach()))
    loss.memory.log_normalisers.zero_()
    return made._replace(loss=loss.eval())


def with_equal_queues(case: Case) -> Equal:
    made = plain(case)
    made.loss.student_queue.load_state_dict(made.loss.teacher_queue.state_dict())
    return made


def with_all_tokens_visible(case: Case) -> Equal:
    made = plain(case)
    made.extra['hidden_tokens'] = None
    return made


class Alike(nn.Module):
    """A classifier that knows which clip and frames match: their product, many times."""

    def forward(self, pairs: Tensor) -> Tensor:
        clips, frames = pairs.chunk(2, dim=1)
        return CERTAIN * (clips * frames).sum(1, keepdim=True)


MADE = {  # those that are not at their minimum as they stand
    'WSLD': weighted_alike,
    'WTTM': partial(plain, gamma=1.0),  # below 1 the teacher is flattened, the student not
    'ActivationBoundary': partial(plain, change=outside_the_margin),
    'HardTarget': partial(plain, change=certain),  # all of the teacher's first class is asked for
    'NKD': certain_of_the_label,
    'TeacherFree': as_the_virtual_teacher,
    'CRD': with_a_memory_of_these_clips,
    'ClipFrameCorrespondence': partial(with_parts, change=two_opposite_clips, classifier=lambda loss: Alike()),
    'FactorTransfer': partial(with_parts, translator=lambda loss: loss.paraphraser.encoder),
    'MGD': partial(with_parts, generation=identity),
    'VID': partial(with_parts, regressor=identity),
    'VkD': partial(with_parts, projection=identity, change=lambda x: F.layer_norm(x, x.shape[1:])),
    'ReviewKD': fused_with_nothing,
    'SRRL': partial(with_parts, connector=identity),
    'SimKD': partial(with_parts, projector=identity),
    'Overhaul': partial(with_parts, connectors=identities),
    'SRD': partial(with_parts, embed=identity),
    'SEED': partial(plain, teacher_temperature=0.2),  # else the teacher's probabilities are sharper than its own
    'CompRess': with_equal_queues,
    'AMRadio': with_all_tokens_visible,
}
NEVER = {  # at its minimum where the two are equal, whatever its parts
    'DarkRank': "the likelihood of the teacher's order grows with the distances between the ranks",
    'ITRD': 'the mutual information of two similarity matrices is not largest where they are equal',
    'AFD': 'every layer of the student is compared with every layer of the teacher, in learned shares',
    'SemCKD': 'likewise',
    'UMT': 'the student sees some of the tokens only',
    'MVD': 'likewise; the others are made up by a decoder',
    'AMD': 'likewise',
    'VideoMAE': 'it has no teacher: pixels are made up by a decoder',
}


def compute(made: Equal, student) -> tuple[Tensor, Tensor]:
    """Value, and gradient with respect to the student in one vector."""
    student = each(student, lambda tensor: tensor.detach().clone().requires_grad_())
    torch.manual_seed(0)
    value = copy.deepcopy(made.loss)(student, made.teacher, **made.extra)
    gradients = torch.autograd.grad(value, tensors(student))
    return value.detach(), torch.cat([gradient.flatten() for gradient in gradients])


@pytest.mark.parametrize('name', [name for name, case in CASES.items() if case.config['type'] not in NEVER])
def test_a_student_equal_to_the_teacher_is_at_the_minimum(name):
    case = CASES[name]
    made = MADE.get(case.config['type'], plain)(case)
    value, gradient = compute(made, made.student)
    others = [compute(made, made.others(share)) for share in (1e-2, 0.3, 1.0, 3.0)]
    assert all(value <= other + 1e-6 * abs(other) for other, _ in others)
    assert value < others[-1][0]
    assert gradient.norm() < 1e-3 * max(slope.norm() for _, slope in others)


@pytest.mark.parametrize('name', [name for name in (*MADE, *NEVER) if name != 'WSLD' and CASES[name].kind != 'tokens'])
def test_what_is_set_by_hand_has_to_be(name):
    case = CASES[name]
    made = plain(case) if name != 'TeacherFree' else as_the_virtual_teacher(case)._replace(student=case.pair()[1])
    assert compute(made, made.student)[1].norm() > 1e-3 * compute(made, case.pair()[0])[1].norm()


def test_channels_of_student_and_teacher_are_equal_so_that_the_identity_fits():
    assert all(
        tensor.shape[1] == CHANNELS
        for case in CASES.values()
        if case.kind != 'logits'
        for side in case.pair()[: 1 if case.kind == 'tokens' else 2]
        for tensor in tensors(side)
    )
