"""Backbones of video students that mmaction2 does not have."""

from kdtoolbox.backbones.image_stem import ImageStem3D
from kdtoolbox.backbones.inflation import inflate
from kdtoolbox.backbones.summary_tokens import SummaryVisionTransformer

__all__ = ['ImageStem3D', 'SummaryVisionTransformer', 'inflate']
