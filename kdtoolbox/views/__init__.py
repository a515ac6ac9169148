"""What a network sees of a decoded clip: size, frames, normalisation."""

from kdtoolbox.views.view import IMAGENET_MEAN, IMAGENET_STD, View, frame_differences, step_times

__all__ = ['IMAGENET_MEAN', 'IMAGENET_STD', 'View', 'frame_differences', 'step_times']
