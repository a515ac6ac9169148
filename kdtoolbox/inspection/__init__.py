"""Checks before training, run by the training itself and by ``kdtoolbox doctor``."""

from kdtoolbox.inspection.findings import Finding, act_on
from kdtoolbox.inspection.training import Training, inspect

__all__ = ['Finding', 'Training', 'act_on', 'inspect']
