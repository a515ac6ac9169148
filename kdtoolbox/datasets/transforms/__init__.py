"""Transforms that mmaction2 does not have: opening, sampling and decoding of clips."""

from kdtoolbox.datasets.transforms.decoding import DecodeClip, OpenVideo
from kdtoolbox.datasets.transforms.sampling import SampleClipsEvenly
from kdtoolbox.datasets.transforms.spatial_views import SpatialViews
from kdtoolbox.video import DecodeError, DecodeTimeout

__all__ = ['DecodeClip', 'DecodeError', 'DecodeTimeout', 'OpenVideo', 'SampleClipsEvenly', 'SpatialViews']
