"""A report on one batch before training: values, gradients and shapes of the losses, unused parts."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from mmengine.model import BaseModel
from torch import Tensor

from kdtoolbox.criterion.batch_labels import UNLABELLED, labels_of
from kdtoolbox.inspection.gradients import NO_LOSS, gradients_of, learning_parameters
from kdtoolbox.inspection.real_batch import are_probabilities, no_gradient
from kdtoolbox.inspection.token_report import TokenFacts, token_facts
from kdtoolbox.isolation import copy_to_try
from kdtoolbox.taps import LOGITS
from kdtoolbox.views import View

DOMINANT, FAINT = 0.95, 0.01


@dataclass
class LossFacts:
    """One loss of the step.

    Attributes:
        name: as it is logged.
        value: weighted.
        dtype: of the loss.
        gradient_norm: Euclidean norm of its gradient into the student's parameters.
        gradient_share: of the sum of the norms of all losses.
        term: what the term says of itself, empty for the student's own losses.
    """

    name: str
    value: float
    dtype: str
    gradient_norm: float
    gradient_share: float = 0.0
    term: Mapping = field(default_factory=dict)


@dataclass
class NetworkFacts:
    """The input of a network.

    Attributes:
        name: student, or the teacher's name.
        shape: of what it is shown, batch first.
        view: None where the student sees the clip as it comes.
        normalisation: mean and std on the scale 0-255, in words.
        accuracy: top-1 of a teacher on this batch, None where labels or classes do not allow it.
        num_classes: of its logits.
        gives_probabilities: where it should give logits.
    """

    name: str
    shape: tuple[int, ...]
    view: View | None
    normalisation: str
    accuracy: float | None = None
    num_classes: int | None = None
    gives_probabilities: bool = False


@dataclass
class Checkup:
    """The results of :func:`examine`; ``problems`` are sentences with their fix."""

    losses: list[LossFacts]
    networks: list[NetworkFacts]
    unused_parameters: list[str]
    num_clips: int
    problems: list[str]
    tokens: TokenFacts | None = None


def examine(model: BaseModel, batch: Mapping) -> Checkup:
    """Run the forward and backward pass of one training step, without an optimizer step.

    Args:
        model: a distiller in training mode.
        batch: what the training loader gives.
    """
    data = model.data_preprocessor(batch, True)
    tokens = token_facts(copy_to_try(model), data) if getattr(model, 'student_tokens', None) is not None else None
    labels = labels_of(data['data_samples'], data['inputs'].device)
    logged = model(**data, mode='loss')
    values = {name: value for name, value in logged.items() if 'loss' in name and name != NO_LOSS}
    student = dict(model.student.named_parameters(prefix='student'))
    everything = learning_parameters(model)
    losses, used = [], set()
    terms = model.criterion.terms
    for name, value in values.items():
        gradients = gradients_of(value, everything)
        used |= {key for key, gradient in gradients.items() if gradient is not None}
        own = [gradient for key, gradient in gradients.items() if key in student and gradient is not None]
        norm = math.sqrt(sum(gradient.double().square().sum().item() for gradient in own))
        term = name.removeprefix('loss_')
        losses.append(
            LossFacts(
                name,
                value.item(),
                str(value.dtype).removeprefix('torch.'),
                norm,
                term=terms[term].describe() if term in terms else {},
            )
        )
    total = sum(loss.gradient_norm for loss in losses)
    for loss in losses:
        loss.gradient_share = loss.gradient_norm / total if total else 0.0
    networks = [_student_facts(model, data), *_teacher_facts(model, data.get('teacher_inputs', {}), labels)]
    unused = sorted(everything.keys() - used)
    problems = _problems(model, losses, networks, len(labels))
    return Checkup(losses, networks, unused, len(labels), problems, tokens)


def _student_facts(model: BaseModel, data: Mapping) -> NetworkFacts:
    preprocessor = model.student.data_preprocessor
    mean, std = (getattr(preprocessor, name, None) for name in ('mean', 'std'))
    return NetworkFacts(
        'student',
        tuple(data['inputs'].shape),
        model.data_preprocessor.student_view,
        _normalisation(mean, std),
        num_classes=model.student.cls_head.num_classes,
    )


def _teacher_facts(model: BaseModel, frames: Mapping[str, Tensor], labels: Tensor) -> list[NetworkFacts]:
    facts = []
    for name, shown in frames.items():
        teacher = model.teachers[name]
        logits = teacher(shown).get(LOGITS)
        if logits is not None and logits.dim() == 3:
            logits = logits.mean(1)
        num_classes = None if logits is None else logits.shape[-1]
        labelled = labels != UNLABELLED
        accuracy = None
        # A label-free student has its teacher's classes, which are the data set's only where a probe made them so.
        are_the_labels = model.use_labels or getattr(teacher, 'probe_classes', None) is not None
        if (
            are_the_labels
            and num_classes == model.student.cls_head.num_classes
            and labels.dim() == 1
            and bool(labelled.any())
        ):
            accuracy = (logits[labelled].argmax(1) == labels[labelled]).float().mean().item()
        facts.append(
            NetworkFacts(
                f'teacher {name}'.strip(),
                tuple(shown.shape),
                teacher.view,
                _normalisation(teacher.view.mean, teacher.view.std),
                accuracy,
                num_classes,
                logits is not None and are_probabilities(logits),
            )
        )
    return facts


def _normalisation(mean, std) -> str:
    if mean is None:
        return 'none (0-255)'
    mean, std = (torch.as_tensor(value).flatten().tolist() for value in (mean, std))
    return f'({", ".join(f"{value:.1f}" for value in mean)}) / ({", ".join(f"{value:.1f}" for value in std)})'


def _problems(model: BaseModel, losses: list[LossFacts], networks: list[NetworkFacts], num_clips: int) -> list[str]:
    problems = (
        []
        if losses
        else [
            'nothing is learned in the first step: labels are not used and the weight_schedule of every '
            'term begins with 0: begin with another factor, 0.01 for instance'
        ]
    )
    is_misled = any(network.gives_probabilities for network in networks)  # of a value that is not what it should be
    # '<peer>.<loss>' is what another student learns from.
    for loss in (loss for loss in losses if '.' not in loss.name):
        if not math.isfinite(loss.value) or not math.isfinite(loss.gradient_norm):
            problems.append(
                f'{loss.name} is {loss.value}, its gradient {loss.gradient_norm}: look at its inputs in the table, '
                'lower the learning rate, or train without --amp'
            )
        elif not loss.gradient_norm:
            problems.append(no_gradient(loss.name).text)
        elif not is_misled and _others(losses, loss) and not FAINT <= loss.gradient_share <= DOMINANT:
            word = 'drowns the others' if loss.gradient_share > DOMINANT else 'hardly counts'
            factor = _balance(losses, loss)
            fix = (
                f'about {factor:.2g} times its weight'
                if loss.term
                else f'about {1 / factor:.2g} times the weights of the terms'
            )
            problems.append(
                f'{loss.name} {word}: {100 * loss.gradient_share:.1f} % of the gradient into the student. To '
                f'make it weigh as the mean of the others: {fix}'
            )
        if loss.dtype not in ('float32', 'float64'):
            problems.append(f'{loss.name} is {loss.dtype}: compute it in float32, whatever autocast says')
    for term in model.criterion.terms.values():
        if num_clips < term.min_batch_size:
            problems.append(
                f'term {term.name!r} compares the clips of a batch and needs {term.min_batch_size} or more, got '
                f'{num_clips}: set a larger train_dataloader.batch_size'
            )
    for network in networks[1:]:
        chance = 1 / network.num_classes if network.num_classes else 0
        if network.accuracy is not None and num_clips >= 8 and network.accuracy <= chance:
            problems.append(
                f'the {network.name} is right on {100 * network.accuracy:.0f} % of the batch, no better than '
                'chance: are its weights, its classes and its normalisation the right ones?'
            )
    return problems


def _others(losses: list[LossFacts], loss: LossFacts) -> list[float]:
    """The gradient norms of the other losses that have a gradient."""
    return [one.gradient_norm for one in losses if one is not loss and one.gradient_norm]


def _balance(losses: list[LossFacts], loss: LossFacts) -> float:
    others = _others(losses, loss)
    return sum(others) / len(others) / loss.gradient_norm
