"""Connectors: modules that make a student tensor and a teacher tensor comparable."""

from kdtoolbox.connectors.match_grid import MatchGrid, PatchTokens
from kdtoolbox.connectors.matching import MatchSpace
from kdtoolbox.connectors.mlp import MLPProjection
from kdtoolbox.connectors.phi_s import PHIStandardize
from kdtoolbox.connectors.pooling import GlobalPool, SpacePool, TimePool
from kdtoolbox.connectors.projection import LinearProjection, MapProjection
from kdtoolbox.connectors.standardize import Standardize
from kdtoolbox.connectors.temporal_align import TemporalAlign
from kdtoolbox.connectors.tokens import ClassToken, MapToTokens, TokensToMap

__all__ = [
    'ClassToken',
    'GlobalPool',
    'LinearProjection',
    'MLPProjection',
    'MapProjection',
    'MapToTokens',
    'MatchGrid',
    'MatchSpace',
    'PHIStandardize',
    'PatchTokens',
    'SpacePool',
    'Standardize',
    'TemporalAlign',
    'TimePool',
    'TokensToMap',
]
