"""What holds for every loss: it teaches at its least sizes, stays finite in the extreme, leaves the teacher alone."""

from contextlib import nullcontext

import pytest
import torch
from torch.nn.modules.batchnorm import _BatchNorm

from kdtoolbox.criterion import Term
from kdtoolbox.criterion.network_runs import NetworkRun, NetworkRuns
from tests.losses.cases import CLASSES, CLIPS, STEPS, Case, all_cases, each, tensors
from tests.losses.extreme_inputs import EXTREMES, shifted

CASES = all_cases()
every_loss = pytest.mark.parametrize('case', CASES.values(), ids=CASES.keys())
NEGLIGIBLE = 0.02  # of the gradient that a clip of a larger batch gets
BOUND = 100  # times the gradient of nearly the same input
BOUNDS = {'SimKD': 1e4}  # three batch norms in a row, each multiplies by up to 300 where all elements are equal


plain_gradients: dict[int, torch.Tensor] = {}  # of a case without an extreme, the size


def compute(case: Case, student, teacher, *, classes=CLASSES, half=False, changed=None):
    """Value of the loss, and its gradient with respect to the student's inputs in one vector."""
    loss = changed(case.build()) if changed else case.restarted()
    extra = case.extra(clips=len(tensors(student)[0]), classes=classes)
    student = each(student, lambda tensor: tensor.detach().clone().requires_grad_())
    with torch.autocast('cpu', dtype=tensors(student)[0].dtype) if half else nullcontext():
        value = loss(student, None if case.teacherless else teacher, **extra)
    gradients = torch.autograd.grad(value, tensors(student))
    return value.detach(), torch.cat([gradient.float().flatten() for gradient in gradients])


def size_of_gradient(case: Case, sizes: dict) -> float:
    """What a clip gets, the mean over a few batches; the loss is a mean over clips."""
    found = []
    for seed in range(3):
        value, gradient = compute(case, *case.pair(**sizes, seed=seed), classes=sizes['classes'])
        assert value.isfinite() and gradient.isfinite().all()
        found.append(gradient.norm().item() * sizes['clips'] ** 0.5)
    return sum(found) / len(found)


@every_loss
def test_at_the_least_sizes_of_its_card_it_teaches_as_in_a_larger_batch(case):
    large = dict(clips=CLIPS, classes=CLASSES, steps=STEPS)
    least = dict(clips=case.least_clips, classes=case.least('min_classes'), steps=case.least('min_steps'))
    expected = size_of_gradient(case, large)
    for what in least:
        assert size_of_gradient(case, {**large, what: least[what]}) > NEGLIGIBLE * expected, what
    assert size_of_gradient(case, least) > NEGLIGIBLE * expected


def as_term(case: Case, student, teacher, *, classes=CLASSES):
    """The loss as a term of a distillation calls it."""
    extra = case.extra(clips=len(tensors(student)[0]), classes=classes)
    runs = NetworkRuns(
        NetworkRun('student', STEPS, 1, lambda: extra['student_classifier']),
        {'': NetworkRun('teacher', STEPS, 1, lambda: extra['teacher_classifier'])},
    )
    paths = [str(number) for number in range(len(student))] if isinstance(student, tuple) else '0'
    term = Term('kd', loss=dict(case.config), student=paths, teacher=None if case.teacherless else paths)
    outputs, answers = (
        {str(number): tensor for number, tensor in enumerate(tensors(side))} for side in (student, teacher)
    )
    return term(outputs, answers, extra, runs=runs)


NEEDS = [
    pytest.param(case, what, id=f'{name}-{what}')
    for name, case in CASES.items()
    for what, needed in (
        ('clips', case.least_clips),
        ('classes', case.least('min_classes')),
        ('steps', case.least('min_steps')),
    )
    if needed > 1
]


@pytest.mark.parametrize('case, what', NEEDS)
def test_less_than_its_card_asks_for_is_refused_with_the_loss_what_it_got_and_what_it_needs(case, what):
    needed = dict(clips=case.least_clips, classes=case.least('min_classes'), steps=case.least('min_steps'))[what]
    sizes = {**dict(clips=CLIPS, classes=CLASSES, steps=STEPS), what: needed - 1}
    with pytest.raises(ValueError, match=f"term 'kd'.*{case.config['type']}: .*{needed - 1}.*{needed}"):
        as_term(case, *case.pair(**sizes), classes=sizes['classes'])


def test_needs_are_found_for_the_losses_that_have_them():
    assert {'DIST-clips', 'DIST-classes', 'PKD of vectors-clips', 'TemporalAffinity-steps'} <= {one.id for one in NEEDS}


@every_loss
@pytest.mark.parametrize('extreme', EXTREMES.values(), ids=EXTREMES.keys())
def test_in_the_extreme_the_value_is_finite_and_the_gradient_near_that_of_nearly_the_same_input(case, extreme):
    student, teacher = case.pair()
    if id(case) not in plain_gradients:
        plain_gradients[id(case)] = compute(case, student, teacher)[1].norm()
    plain = plain_gradients[id(case)]
    for runs in (
        (each(student, extreme), teacher),
        (student, each(teacher, extreme)),
        (each(student, extreme), each(teacher, extreme)),
        *([] if case.kind == 'tokens' else [(each(student, extreme),) * 2]),
    ):
        value, gradient = compute(case, *runs)
        _, near = compute(case, shifted(runs[0]), runs[1])
        assert value.isfinite() and gradient.isfinite().all()
        assert gradient.norm() <= BOUNDS.get(case.config['type'], BOUND) * max(near.norm(), plain)


@pytest.mark.parametrize('name', [name for name, case in CASES.items() if case.config['type'] in BOUNDS])
def test_a_larger_bound_is_needed_only_by_the_batch_norms_of_the_paper(name):
    """With statistics that do not follow the batch, the same layers stay within the bound of all losses."""

    def with_fixed_statistics(loss):
        for module in loss.modules():
            module.train(not isinstance(module, _BatchNorm))
        return loss

    case = CASES[name]
    student, teacher = case.pair()
    plain = compute(case, student, teacher, changed=with_fixed_statistics)[1].norm()
    for extreme in EXTREMES.values():
        equal = extreme(student)
        gradient, near = (
            compute(case, side, teacher, changed=with_fixed_statistics)[1].norm() for side in (equal, shifted(equal))
        )
        assert gradient <= BOUND * max(near, plain)


@every_loss
def test_one_time_step_and_one_class_are_taken_where_its_card_asks_for_no_more(case):
    for what, least, counts in (
        ('steps', case.least('min_steps'), case.has_time),
        ('classes', case.least('min_classes'), case.has_classes),
    ):
        if counts and least == 1:
            sizes = {**dict(clips=CLIPS, classes=CLASSES, steps=STEPS), what: 1}
            value, gradient = compute(case, *case.pair(**sizes), classes=sizes['classes'])
            assert value.isfinite() and gradient.isfinite().all() and gradient.any()


@pytest.mark.parametrize(
    'case', [pytest.param(case, id=name) for name, case in CASES.items() if 'labels' in case.asked]
)
def test_without_any_label_it_is_0_and_all_that_learns_gets_a_gradient_of_0(case):
    loss, (student, teacher) = case.build(), case.pair()
    student.requires_grad_()
    extra = case.extra(clips=CLIPS, labels=torch.full((CLIPS,), -1))
    value = loss(student, None if case.teacherless else teacher, **extra)
    value.backward()
    learning = [
        student,
        *loss.parameters(),
        *(extra['student_classifier'].parameters() if 'student_classifier' in extra else ()),
    ]
    assert value == 0 and all(tensor.grad is not None and not tensor.grad.any() for tensor in learning)


@every_loss
def test_the_order_in_memory_does_not_count(case):
    student, teacher = case.pair()
    expected = compute(case, student, teacher)
    apart = [each(side, lambda x: torch.stack([x, -x], dim=-1)[..., 0]) for side in (student, teacher)]
    assert not any(tensor.is_contiguous() for side in apart for tensor in tensors(side))
    torch.testing.assert_close(compute(case, *apart), expected)


@every_loss
@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_under_autocast_half_precision_gives_the_float32_loss_of_the_same_numbers(case, dtype):
    half = [each(side, lambda x: x.to(dtype)) for side in case.pair()]
    expected, expected_gradient = compute(case, *(each(side, torch.Tensor.float) for side in half))
    value, gradient = compute(case, *half, half=True)
    assert value.dtype == torch.float32
    torch.testing.assert_close(value, expected)
    assert (gradient - expected_gradient).norm() < 0.02 * expected_gradient.norm()  # it arrives in half precision


@every_loss
def test_the_gradient_reaches_the_student_and_all_that_learns_but_not_the_teacher(case):
    loss, (student, teacher) = case.build(), case.pair()
    extra = case.extra(clips=CLIPS)
    for tensor in (*tensors(student), *tensors(teacher)):
        tensor.requires_grad_()
    loss(student, None if case.teacherless else teacher, **extra).backward()
    assert all(tensor.grad.any() for tensor in tensors(student))
    assert all(tensor.grad is None for tensor in tensors(teacher))
    assert all(parameter.grad is not None for parameter in loss.parameters() if parameter.requires_grad)
    if 'teacher_classifier' in extra:
        assert all(parameter.grad is None for parameter in extra['teacher_classifier'].parameters())
