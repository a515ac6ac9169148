"""Views: the input of each network, made from one decoded clip: size, frame stride, normalisation."""

from kdtoolbox.views.view import IMAGENET_MEAN, IMAGENET_STD, View, frame_differences, step_times, view_of

__all__ = ['IMAGENET_MEAN', 'IMAGENET_STD', 'View', 'frame_differences', 'step_times', 'view_of']
