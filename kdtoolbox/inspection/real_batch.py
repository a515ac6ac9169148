"""Checks on a few real clips: ranges of the inputs, outputs of the teachers, missing gradients."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, cast

import torch
from mmengine.dist import get_rank
from torch import Tensor, nn
from torch.utils.data import DataLoader

from kdtoolbox.inspection.batches import batch_needs
from kdtoolbox.inspection.data_sets import size_of
from kdtoolbox.inspection.findings import Finding, error, listed
from kdtoolbox.inspection.gradients import NO_LOSS, gradients_of, learning_parameters
from kdtoolbox.inspection.networks import student_of, teachers_of
from kdtoolbox.taps import LOGITS
from kdtoolbox.views import view_of
from kdtoolbox.views.input_sizes import student_size, teacher_key, teacher_size, wrong_size

NUM_CLIPS = 3
FAR_OFF = 20
"""A deviation above it is not one of normalised pixels; means and deviations for 0-1 give hundreds."""


def few_clips(loader: DataLoader, model: nn.Module, *, num_processes: int = 1) -> Mapping:
    """A small batch of training clips from all over the data set, other ones in each process."""
    needed = max((max(need.clips, need.clips_of_a_process) for need in batch_needs(model)), default=1)
    num_clips = min(max(NUM_CLIPS, needed), size_of(loader.dataset), num_processes * (loader.batch_size or NUM_CLIPS))
    indices = [
        (number * size_of(loader.dataset) // num_clips + get_rank()) % size_of(loader.dataset)
        for number in range(num_clips)
    ]
    return loader.collate_fn([loader.dataset[index] for index in indices])


def of_a_step(model: nn.Module, batch: Mapping) -> Iterator[Finding]:
    """Check the forward and backward pass of a training step, without an optimizer step.

    Args:
        model: a copy, whose statistics may change, in training mode.
        batch: what the training loader gives.

    Raises:
        ValueError: a part refuses what it gets.
    """
    data = cast(Any, model).data_preprocessor(batch, True)
    yield from input_ranges(model, data)
    with torch.compiler.set_stance('force_eager'):
        found = list(networks_by_themselves(model, data))
        yield from found
        if any(finding.is_error for finding in found):
            return
        losses = {
            name: value for name, value in model(**data, mode='loss').items() if 'loss' in name and name != NO_LOSS
        }
    yield from gradients_that_are_missing(model, losses)


def input_ranges(model: nn.Module, data: Mapping) -> Iterator[Finding]:
    """Inputs that are not normalised to about mean 0 and standard deviation 1."""
    student = student_of(model)
    shown = {
        'the student': (data['inputs'], 'model.student.data_preprocessor', getattr(student, 'data_preprocessor', None))
    }
    for name, frames in data.get('teacher_inputs', {}).items():
        if not isinstance(frames, Tensor):  # the keys of a cached teacher, which is shown no pixels
            continue
        shown[_called(name)] = (frames, f'{teacher_key(name)}.view', view_of(teachers_of(model)[name]))
    for who, (tensor, key, owner) in shown.items():
        mean, deviation = tensor.float().mean().item(), tensor.float().std().item()
        is_normalised = getattr(owner, 'mean', None) is not None
        facts = f'{who} sees pixels of mean {mean:.3g} and deviation {deviation:.3g} where about 0 and 1 are usual'
        if is_normalised and deviation > FAR_OFF:
            yield error(
                f'{facts}: mean and std of {key} are those of pixels from 0 to 1, but pixels go from 0 to 255: '
                'multiply them by 255'
            )
        elif not is_normalised and deviation > FAR_OFF:
            yield Finding(f'{facts}: {key} has no mean and std, so it sees 0 to 255; is it made for that?')
        elif abs(mean) > 4 or deviation > 4 or 0 < deviation < 0.05:
            yield Finding(f'{facts}: are mean and std of {key}, on the scale 0-255, those it was made for?')


@torch.no_grad()
def networks_by_themselves(model: nn.Module, data: Mapping) -> Iterator[Finding]:
    """Networks that fail on the input of their view, and teachers that give probabilities instead of logits."""
    for name, frames in data.get('teacher_inputs', {}).items():
        teacher = teachers_of(model)[name]
        logits, failure = _outcome(partial(_logits_of, teacher, frames[:1]))
        if failure:
            yield error(
                wrong_size(
                    failure,
                    who=_called(name),
                    view=f'{teacher_key(name)}.view',
                    shown=frames,
                    size=teacher_size(teacher, frames),
                )
            )
            continue
        if logits is not None and are_probabilities(logits):
            yield Finding(
                f'{_called(name)} gives probabilities, its rows sum to 1, where logits are expected: losses take the '
                'softmax of them once more, which makes all classes nearly equal. Leave its softmax out'
            )
    student = student_of(model)
    was_training = student.training
    student.eval()
    try:
        _, failure = _outcome(lambda: student(data['inputs'][:1], mode='tensor', stage='head'))
    finally:
        student.train(was_training)
    if failure:
        yield error(
            wrong_size(
                failure,
                who='the student',
                view='model.student_view',
                shown=data['inputs'],
                size=student_size(student, data['inputs']),
            )
        )


def _logits_of(teacher: nn.Module, frames: Tensor) -> Tensor | None:
    return teacher(frames).get(LOGITS)


def _outcome(run: Callable[[], Tensor | None]) -> tuple[Tensor | None, Exception | None]:
    """What a network gives, or why it failed on its input; errors that are for users already are raised."""
    try:
        return run(), None
    except ValueError:
        raise
    except (RuntimeError, AssertionError, IndexError) as failure:
        return None, failure


def are_probabilities(logits: Tensor) -> bool:
    """Whether every row of (…, K) is one of probabilities.

    >>> are_probabilities(torch.tensor([[0.25, 0.75], [1.0, 0.0]])), are_probabilities(torch.tensor([[0.25, 0.8]]))
    (True, False)
    """
    sums = logits.float().sum(-1)
    return logits.shape[-1] > 1 and bool((logits >= 0).all()) and bool(((sums - 1).abs() < 1e-3).all())


def gradients_that_are_missing(model: nn.Module, losses: Mapping[str, Tensor]) -> Iterator[Finding]:
    """Losses without gradient to the student, and parameters without gradient."""
    parameters = learning_parameters(model)
    unused = set(parameters)
    for name, value in losses.items():
        gradients = gradients_of(value, parameters)
        unused -= {key for key, gradient in gradients.items() if gradient is not None}
        own = [gradient for key, gradient in gradients.items() if gradient is not None and key.startswith('student.')]
        # '<peer>.<loss>' is what another student learns from.
        if '.' not in name and hasattr(model, 'criterion') and not any(bool(gradient.any()) for gradient in own):
            yield no_gradient(name)
    if not getattr(model, 'use_labels', True):
        unused = {name for name in unused if not name.startswith('student.cls_head.')}
    if unused and not sleeping_terms(model):
        yield Finding(
            f'{len(unused)} parameters that are to learn get no gradient: {listed(sorted(unused))}. Drop or freeze '
            'that part, or tap a module after it'
        )


def no_gradient(loss: str) -> Finding:
    """The finding for a loss whose gradient to the student is zero."""
    return Finding(
        f'{loss} sends no gradient to the student: tap a module that depends on its parameters, or drop the term'
    )


def sleeping_terms(model: nn.Module) -> bool:
    """Whether a term does not count yet, so that what it teaches gets no gradient so far."""
    criterion = getattr(model, 'criterion', None)
    return criterion is not None and any(term.weight_at(0.0) == 0 for term in criterion.terms.values())


def trains_its_head(model: nn.Module) -> bool:
    """Whether anything teaches the student's classifier: labels, or a term over its logits."""
    criterion = getattr(model, 'criterion', None)
    if criterion is None or getattr(model, 'use_labels', True):
        return True
    return any(
        LOGITS in (term.student if isinstance(term.student, tuple) else (term.student,))
        or any(
            path.startswith('cls_head')
            for path in (term.student if isinstance(term.student, tuple) else (term.student,))
        )
        or 'student_classifier' in term.extra_inputs
        for term in criterion.terms.values()
    )


def _called(name: str) -> str:
    return f'the teacher {name}'.strip()
