"""Training models that join a student, its teachers and the terms between them."""

from kdtoolbox.distillers.adversarial import AdversarialDistiller
from kdtoolbox.distillers.distiller import Distiller
from kdtoolbox.distillers.gradient_averaging import GradientAveraging
from kdtoolbox.distillers.mutual import MutualDistiller

__all__ = ['AdversarialDistiller', 'Distiller', 'GradientAveraging', 'MutualDistiller']
