"""The distillation losses of a training: terms, connectors between taps and losses, gates and weight schedules."""

from kdtoolbox.criterion.criterion import Criterion
from kdtoolbox.criterion.gates import ConfidenceGate, CorrectGate
from kdtoolbox.criterion.schedule import scheduled_weight
from kdtoolbox.criterion.term import Term

__all__ = ['ConfidenceGate', 'CorrectGate', 'Criterion', 'Term', 'scheduled_weight']
