"""Training models that join a student, its teachers and the terms between them."""

from kdtoolbox.distillers.criterion import Criterion, Term, scheduled_weight
from kdtoolbox.distillers.distiller import Distiller
from kdtoolbox.distillers.view_preprocessor import ViewPreprocessor

__all__ = ['Criterion', 'Distiller', 'Term', 'ViewPreprocessor', 'scheduled_weight']
