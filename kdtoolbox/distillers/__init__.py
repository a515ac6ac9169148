"""Training models that join a student, its teachers and the terms between them."""

from kdtoolbox.distillers.adversarial import AdversarialDistiller
from kdtoolbox.distillers.criterion import Criterion, Term, scheduled_weight
from kdtoolbox.distillers.distiller import Distiller
from kdtoolbox.distillers.gates import ConfidenceGate, CorrectGate
from kdtoolbox.distillers.gradient_averaging import GradientAveraging
from kdtoolbox.distillers.mutual import MutualDistiller
from kdtoolbox.distillers.view_preprocessor import ViewPreprocessor

__all__ = ['AdversarialDistiller', 'ConfidenceGate', 'CorrectGate', 'Criterion', 'Distiller', 'GradientAveraging',
           'MutualDistiller', 'Term', 'ViewPreprocessor', 'scheduled_weight']
