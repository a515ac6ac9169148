"""A teacher in a file of its own: it answers for a clip by its middle frame alone."""

from torch import Tensor

from kdtoolbox.registry import MODELS
from kdtoolbox.teachers import ImageTeacher


@MODELS.register_module()
class MiddleFrameTeacher(ImageTeacher):
    """An :class:`ImageTeacher` that looks at one frame of each clip, the middle one."""

    def run(self, frames: Tensor) -> dict[str, Tensor]:
        middle = frames.shape[1] // 2
        return super().run(frames[:, middle : middle + 1])
