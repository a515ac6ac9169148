"""Transforms that mmaction2 does not have: opening, sampling and decoding of clips."""

from kdtoolbox.datasets.transforms.decoding import DecodeClip, DecodeError, DecodeTimeout, OpenVideo
from kdtoolbox.datasets.transforms.sampling import SampleClipsEvenly

__all__ = ['DecodeClip', 'DecodeError', 'DecodeTimeout', 'OpenVideo', 'SampleClipsEvenly']
