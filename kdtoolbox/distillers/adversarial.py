"""Adversarial distillation: the student learns features that a discriminator takes for the teacher's."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import cast

import torch
from mmengine.optim import OptimWrapper, OptimWrapperDict
from torch import Tensor, nn

from kdtoolbox.discriminators import AdversarialObjective
from kdtoolbox.distillers.distiller import Distiller, UnregisteredModules
from kdtoolbox.distillers.gradient_averaging import average_gradients
from kdtoolbox.registry import MODELS

ADVERSARIAL = 'adversarial'


@MODELS.register_module()
class AdversarialGame(nn.Module):
    """The adversarial loss of the student, as the loss of a term; stores the features for the discriminator's step.

    Args:
        objective: config of the adversarial objective.
        discriminator: the network; it is not registered here.
        regularizers: configs of the discriminator's regularizers.
        weight: of the term; the discriminator's losses are multiplied by it too.

    Raises:
        ValueError: a regularizer is given twice.
    """

    def __init__(
        self,
        objective: Mapping,
        discriminator: UnregisteredModules,
        *,
        regularizers: Sequence[Mapping] = (),
        weight: float = 1.0,
    ) -> None:
        super().__init__()
        self.objective: AdversarialObjective = MODELS.build(dict(objective))
        self._discriminator = discriminator
        built = [MODELS.build(dict(one)) for one in regularizers]
        self.regularizers = nn.ModuleDict({type(one).__name__: one for one in built})
        if len(self.regularizers) != len(built):
            raise ValueError(
                f'adversarial: a regularizer is there twice in {[type(one).__name__ for one in built]}; '
                'give it one weight'
            )
        self.weight = weight
        self.seen: tuple[Tensor, Tensor, Tensor] | None = None

    def forward(self, student: Tensor, teacher: Tensor) -> Tensor:
        """The student's loss, unweighted.

        Args:
            student: (2 N, C), the student's features and their second view, see ``SecondView``.
            teacher: (N, C).

        Raises:
            ValueError: the features differ in shape.
        """
        plain, second = _in_full_precision(student).chunk(2)
        if plain.shape != teacher.shape:
            raise ValueError(
                f'student {tuple(plain.shape)} and teacher {tuple(teacher.shape)} differ in shape: one '
                'discriminator judges both, so give adversarial a connector that makes them equal '
                '(LinearProjection for vectors)'
            )
        self.seen = (_in_full_precision(teacher).detach(), plain.detach(), second.detach())
        discriminator = self._discriminator.modules[ADVERSARIAL]
        with _frozen(discriminator):
            return self.objective.student_loss(_in_full_precision(discriminator(second)))

    def discriminator_losses(
        self, teacher: Tensor, student: Tensor, second_view: Tensor
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """The weighted losses of the discriminator, and its accuracies on the features of teacher and student.

        Args:
            teacher: features (N, C).
            student: likewise, without dropout.
            second_view: likewise, with dropout.
        """
        discriminator = self._discriminator.modules[ADVERSARIAL]
        teacher_scores, student_scores, second_scores = (
            _in_full_precision(discriminator(side)) for side in (teacher, student, second_view)
        )
        losses = {ADVERSARIAL: self.weight * self.objective.discriminator_loss(teacher_scores, student_scores)}
        penalty = self.objective.penalty(discriminator, teacher, student)
        if penalty is not None:
            losses['gradient_penalty'] = self.weight * penalty
        losses.update({name: one(discriminator, second_scores) for name, one in self.regularizers.items()})
        fixed = self.objective.boundary
        boundary = torch.cat([teacher_scores, student_scores]).detach().mean() if fixed is None else fixed
        return losses, {
            'accuracy_teacher': (teacher_scores > boundary).float().mean(),
            'accuracy_student': (student_scores <= boundary).float().mean(),
        }


@MODELS.register_module()
class AdversarialDistiller(Distiller):
    """A distiller with a discriminator, adversarial network compression: Belagiannis et al., arXiv:1803.10750.

    In each iteration the student learns from its terms, from labels if they are used, and from the discriminator's
    score of its second view (the features with dropout). Then the discriminator learns to separate the teacher's
    features from the student's without dropout; these are the features before the student's step. Both have their own
    optimizer and schedule: ``optim_wrapper=dict(constructor='AdversarialOptimWrapperConstructor', student=...,
    discriminator=...)`` and ``param_scheduler=dict(student=[...], discriminator=[...])``.

    The second view costs no second forward pass, see :class:`SecondView`. Logged are ``discriminator_loss`` with its
    parts, and the accuracies ``discriminator_accuracy_teacher`` and ``discriminator_accuracy_student``.

    Args:
        student: as for :class:`Distiller`.
        discriminator: config of a network: features (N, C) in, scores (N, 1) out.
        adversarial: ``loss`` (an objective such as ``BCEAdversarial``), ``dropout`` of the second view,
            ``regularizers`` of the discriminator, and of :class:`Term` ``student``, ``teacher``, both connectors,
            ``weight``, ``weight_schedule``. The discriminator's losses have the full weight.
        options: of :class:`Distiller`: teacher, terms, ...

    Raises:
        ValueError: a part does not fit.
    """

    # The wrapper for several processes. With its scope: mmengine 0.10.7 looks wrappers up in its own registry only.
    model_wrapper = 'kdtoolbox.distillers.gradient_averaging.GradientAveraging'

    def __init__(self, student: Mapping, *, discriminator: Mapping, adversarial: Mapping, **options) -> None:
        terms = dict(options.pop('terms', None) or {})
        if ADVERSARIAL in terms:
            raise ValueError(f'a term is called {ADVERSARIAL!r}, which is the name of the one made from adversarial=')
        network = MODELS.build(dict(discriminator))
        terms[ADVERSARIAL] = _term_of(adversarial, UnregisteredModules({ADVERSARIAL: network}))
        super().__init__(student, terms=terms, **options)
        if ADVERSARIAL not in self.criterion.terms:
            raise ValueError('adversarial has weight 0: use type=Distiller instead')
        self.discriminator = network

    def train_step(self, data: Mapping, optim_wrapper: OptimWrapperDict) -> dict[str, Tensor]:
        """One step of the student, then one of the discriminator.

        Raises:
            ValueError: there is not one optimizer for each of the two.
        """
        if not isinstance(optim_wrapper, OptimWrapperDict) or set(optim_wrapper.keys()) != {'student', 'discriminator'}:
            raise ValueError(
                'AdversarialDistiller needs two optimizers: optim_wrapper=dict(constructor='
                "'AdversarialOptimWrapperConstructor', student=dict(...), discriminator=dict(...))"
            )
        game = cast(AdversarialGame, self.criterion.terms[ADVERSARIAL].loss)
        game.seen = None
        with optim_wrapper['student'].optim_context(self):
            data = self.data_preprocessor(data, True)
            total, logged = self.parse_losses(self._run_forward(data, mode='loss'))
        _step(optim_wrapper['student'], total)
        if game.seen is None:  # the term's schedule has it at 0 now
            _sit_out(optim_wrapper['discriminator'])
            return logged
        with optim_wrapper['discriminator'].optim_context(self):
            losses, accuracies = game.discriminator_losses(*game.seen)
            total = sum(losses.values())
        _step(optim_wrapper['discriminator'], total)
        # Added after parse_losses, which would sum them into the student's loss.
        return {
            **logged,
            'discriminator_loss': total.detach(),
            **{f'discriminator_{name}': value.detach() for name, value in {**losses, **accuracies}.items()},
        }


OPTIONS = {
    'student': 'features',
    'teacher': 'features',
    'student_connector': (),
    'teacher_connector': None,
    'weight': 1.0,
    'weight_schedule': (),
    'dropout': 0.0,
    'regularizers': (),
}


def _term_of(adversarial: Mapping, discriminator: UnregisteredModules) -> dict:
    """The arguments of the term for the student's adversarial loss."""
    unknown = sorted(set(adversarial) - OPTIONS.keys() - {'loss'})
    if unknown or 'loss' not in adversarial:
        raise ValueError(
            f'adversarial {f"has unknown {unknown}" if unknown else "has no loss"}; it has a loss such as '
            f"dict(type='BCEAdversarial') and may have {sorted(OPTIONS)}"
        )
    pair = {**OPTIONS, **adversarial}
    connector = pair.pop('student_connector') or ()
    chain = [
        dict(type='SecondView', dropout=pair.pop('dropout')),
        *([connector] if isinstance(connector, (Mapping, str)) else connector),
    ]
    game = dict(
        type='AdversarialGame',
        objective=pair.pop('loss'),
        discriminator=discriminator,
        regularizers=list(pair.pop('regularizers')),
        weight=pair['weight'],
    )
    return {**pair, 'loss': game, 'student_connector': chain}


def _step(wrapper: OptimWrapper, loss: Tensor) -> None:
    """As ``OptimWrapper.update_params``, with the gradients averaged over the processes in between."""
    wrapper.backward(wrapper.scale_loss(loss))
    _update(wrapper)


def _sit_out(wrapper: OptimWrapper) -> None:
    """Skip the loss of an iteration; accumulated gradients of earlier iterations may be due for a step."""
    wrapper._inner_count += 1
    if any(parameter.grad is not None for group in wrapper.optimizer.param_groups for parameter in group['params']):
        _update(wrapper)


def _update(wrapper: OptimWrapper) -> None:
    if wrapper.should_update():
        average_gradients(parameter for group in wrapper.optimizer.param_groups for parameter in group['params'])
        wrapper.step()
        wrapper.zero_grad()


@contextmanager
def _frozen(module: nn.Module) -> Iterator[None]:
    """Pass gradients to the input, but compute none for the parameters."""
    learning = [parameter for parameter in module.parameters() if parameter.requires_grad]
    for parameter in learning:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in learning:
            parameter.requires_grad_(True)


def _in_full_precision(tensor: Tensor) -> Tensor:
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))
