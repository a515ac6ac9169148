"""Every gate with every loss: refused when built, or right whatever number of clips is kept, in two processes too."""

from operator import itemgetter

import pytest
import torch
import torch.distributed as dist
from torch import nn

from kdtoolbox.criterion import Criterion, gates
from kdtoolbox.criterion.network_runs import NetworkRun, NetworkRuns
from kdtoolbox.method_card import mixes_clips
from kdtoolbox.registry import MODELS
from tests.losses.cases import CLASSES, CLIPS, Case, all_cases, each, tensors
from tests.two_processes import in_two_processes

CASES = all_cases()
GATES = {'ConfidenceGate': dict(type='ConfidenceGate', threshold=0.9), 'CorrectGate': dict(type='CorrectGate')}
HALF = CLIPS // 2
# Of the first and of the second half of the clips, which two processes hold.
KEPT = [(0, 0), (0, 1), (1, 1), (1, 2), (2, HALF), (HALF, 0), (HALF, HALF)]
SECONDS = 300  # far more than it takes: a hang, and no slow machine


def kept_clips(numbers) -> list[int]:
    return [*range(numbers[0]), *range(HALF, HALF + numbers[1])]


def criterion_of(case: Case, gate: str) -> Criterion:
    torch.manual_seed(0)
    several = isinstance(case.pair(clips=1)[0], tuple)
    taps = [f'tap{number}' for number in range(2)] if several else 'tap0'
    return Criterion(
        dict(
            kd=dict(loss=dict(case.config), student=taps, teacher=None if case.teacherless else taps, gate=GATES[gate])
        )
    )


def run(case: Case, gate: str, kept: list[int], rows: slice):
    """The gated loss of some of the clips and its gradients to the student's inputs and to all else that learns."""
    criterion = criterion_of(case, gate)
    extra = case.extra(clips=CLIPS)
    labels = torch.arange(CLIPS) * 3 % CLASSES
    logits = nn.functional.one_hot((labels + 1) % CLASSES, CLASSES).float()  # wrong, and not sure
    logits[kept] = 9.0 * nn.functional.one_hot(labels[kept], CLASSES)
    student, teacher = case.pair(clips=CLIPS)
    student = each(student, lambda tensor: tensor[rows].clone().requires_grad_())
    teacher = {f'tap{number}': tensor[rows] for number, tensor in enumerate(tensors(teacher))}
    runs = NetworkRuns(
        NetworkRun('student', 4, 1, lambda: extra['student_classifier']),
        {'': NetworkRun('teacher', 4, 1, lambda: extra['teacher_classifier'])},
    )
    found = criterion(
        {f'tap{number}': tensor for number, tensor in enumerate(tensors(student))},
        {**teacher, 'logits': logits[rows]},
        labels=labels[rows],
        progress=0.5,
        runs=runs,
        sample_ids=[f'video{number}' for number in range(CLIPS)][rows],
        **{name: extra[name][rows] for name in ('hidden_tokens', 'clips') if name in extra},
    )
    assert found['gate_kd'].item() == pytest.approx(
        len([clip for clip in range(CLIPS)[rows] if clip in kept]) / len(range(CLIPS)[rows])
    )
    return found['loss_kd'].detach(), *gradients(found['loss_kd'], student, criterion.terms.kd.loss, extra)


def gradients(value, student, loss, extra):
    """To each tensor of the student, and to all else that learns in one vector; one that gets none is an error."""
    others = [
        parameter
        for module in (loss, extra.get('student_classifier'))
        if module is not None
        for parameter in module.parameters()
        if parameter.requires_grad
    ]
    found = torch.autograd.grad(value, [*tensors(student), *others])
    count = len(tensors(student))
    return list(found[:count]), torch.cat([torch.zeros(1), *(gradient.flatten() for gradient in found[count:])])


def clip_by_clip(case: Case):
    """The loss of each clip by itself, without a gate, with its gradients."""
    found = []
    for clip in range(CLIPS):
        loss, extra = case.build(), case.extra(clips=CLIPS)
        for name in ('labels', 'sample_ids', 'hidden_tokens', 'clips'):
            if name in extra:
                extra[name] = extra[name][clip : clip + 1]
        student, teacher = (each(side, itemgetter(slice(clip, clip + 1))) for side in case.pair(clips=CLIPS))
        student = each(student, lambda tensor: tensor.clone().requires_grad_())
        value = loss(student, teacher, **extra)
        found.append((value.detach(), *gradients(value, student, loss, extra)))
    return found


def expected_of(clips: list, kept: list[int]):
    """The mean over all clips in which those that are not kept count 0, from what :func:`clip_by_clip` gave."""
    counts = [float(number in kept) / CLIPS for number in range(CLIPS)]
    of_student = [
        torch.cat([count * clip[1][tap] for count, clip in zip(counts, clips)]) for tap in range(len(clips[0][1]))
    ]
    return (
        sum(count * clip[0] for count, clip in zip(counts, clips)),
        of_student,
        sum(count * clip[2] for count, clip in zip(counts, clips)),
    )


def close(got, expected):
    torch.testing.assert_close(got, expected, rtol=1e-3, atol=1e-5)


def is_refused(case: Case, gate: str) -> bool:
    try:
        criterion_of(case, gate)
    except ValueError as error:
        assert 'drop the gate' in str(error) or 'teacher=None' in str(error)
        return True
    return False


every_loss = pytest.mark.parametrize('case', CASES.values(), ids=CASES.keys())


@every_loss
def test_a_gate_is_refused_when_built_or_gives_the_mean_of_the_kept_clips_losses(case):
    if is_refused(case, 'ConfidenceGate'):
        assert mixes_clips(case.build()) or case.teacherless
        assert all(is_refused(case, gate) for gate in GATES)
        return
    clips = clip_by_clip(case)
    for gate in GATES:
        for numbers in KEPT:
            kept = kept_clips(numbers)
            close(run(case, gate, kept, slice(None)), expected_of(clips, kept))


def test_the_gates_are_all_there_are_and_some_losses_may_have_one():
    assert GATES.keys() == {name for name, thing in MODELS.module_dict.items() if thing.__module__ == gates.__name__}
    refused = {name for name, case in CASES.items() if is_refused(case, 'CorrectGate')}
    assert {'PKD', 'SRRL', 'SimKD', 'ReviewKD', 'Overhaul', 'CRD', 'DIST', 'SimilarityPreserving'} <= refused
    assert not {'KLDivergence', 'DKD', 'Hint', 'SDD', 'CATKD', 'VID', 'FactorTransfer'} & refused


def run_process(rank, num_processes):
    """All losses and gates, each process with its half of the clips: what is wrong, by loss, and the losses done."""
    wrong, done = {}, []
    for name, case in CASES.items():
        if is_refused(case, 'ConfidenceGate'):
            continue
        print(name, flush=True)  # where it is, should one wait for the other
        clips = clip_by_clip(case)
        rows = slice(0, HALF) if rank == 0 else slice(HALF, CLIPS)
        for gate in GATES:
            for numbers in KEPT:
                kept = kept_clips(numbers)
                value, of_student, of_others = run(case, gate, kept, rows)
                for mean in (value, of_others):  # as data parallel training takes it
                    dist.all_reduce(mean)
                expected_value, expected_student, expected_others = expected_of(clips, kept)
                try:
                    close(
                        (value / 2, [gradient / 2 for gradient in of_student], of_others / 2),
                        (expected_value, [gradient[rows] for gradient in expected_student], expected_others),
                    )
                except AssertionError as error:
                    wrong[f'{name} {gate} {numbers}'] = str(error)
        done.append(name)
    return wrong, done


def test_two_processes_with_different_numbers_of_kept_clips_give_what_one_gives(tmp_path):
    for wrong, done in in_two_processes(run_process, tmp_path, seconds=SECONDS):
        assert not wrong
        assert done == [name for name, case in CASES.items() if not is_refused(case, 'ConfidenceGate')]
