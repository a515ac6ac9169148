"""Adversarial distillation: the discriminator, adversarial objectives, and regularizers."""

from kdtoolbox.discriminators.discriminator import Discriminator
from kdtoolbox.discriminators.objectives import (
    AdversarialObjective,
    BCEAdversarial,
    HingeAdversarial,
    LeastSquaresAdversarial,
    WassersteinAdversarial,
)
from kdtoolbox.discriminators.regularizers import FakeAsReal, L1Regularizer, L2Regularizer
from kdtoolbox.discriminators.second_view import SecondView

__all__ = [
    'AdversarialObjective',
    'BCEAdversarial',
    'Discriminator',
    'FakeAsReal',
    'HingeAdversarial',
    'L1Regularizer',
    'L2Regularizer',
    'LeastSquaresAdversarial',
    'SecondView',
    'WassersteinAdversarial',
]
