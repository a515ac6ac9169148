"""An example of a kdtoolbox plugin: importing it registers what it adds."""

from kdtoolbox_example.cosine_distance import CosineDistance
from kdtoolbox_example.middle_frame_teacher import MiddleFrameTeacher

__all__ = ['CosineDistance', 'MiddleFrameTeacher']
