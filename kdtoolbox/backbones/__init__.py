"""Backbones of video students that mmaction2 does not have."""

from kdtoolbox.backbones.image_stem import ImageStem3D
from kdtoolbox.backbones.inflation import inflate

__all__ = ['ImageStem3D', 'inflate']
