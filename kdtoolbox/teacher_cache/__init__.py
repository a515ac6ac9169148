"""The teacher cache on disk: a teacher's outputs for single frames of videos, in spatial views, read by key."""

from kdtoolbox.teacher_cache.cached_view import CachedFrames, CachedView
from kdtoolbox.teacher_cache.frame_keys import FrameKeys
from kdtoolbox.teacher_cache.reader import MissingFrames, TeacherCache

__all__ = ['CachedFrames', 'CachedView', 'FrameKeys', 'MissingFrames', 'TeacherCache']
