"""Modules that make a student's and a teacher's tensor comparable."""

from kdtoolbox.connectors.pooling import GlobalPool
from kdtoolbox.connectors.projection import LinearProjection, MapProjection
from kdtoolbox.connectors.standardize import Standardize

__all__ = ['GlobalPool', 'LinearProjection', 'MapProjection', 'Standardize']
