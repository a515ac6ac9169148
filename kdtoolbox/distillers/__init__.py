"""Distillers: the models that the Runner trains, made of a student, teachers and terms."""

from kdtoolbox.distillers.adversarial import AdversarialDistiller
from kdtoolbox.distillers.distiller import Distiller
from kdtoolbox.distillers.gradient_averaging import GradientAveraging
from kdtoolbox.distillers.mutual import MutualDistiller

__all__ = ['AdversarialDistiller', 'Distiller', 'GradientAveraging', 'MutualDistiller']
