"""A student that looks at a camera: the classes of the last seconds, again and again."""

from collections.abc import Iterator

import numpy as np
from mmengine.dataset import Compose
from mmengine.registry import DefaultScope

from kdtoolbox.deployment.camera import Camera, FramesInMemory
from kdtoolbox.deployment.prediction import Prediction
from kdtoolbox.deployment.student import Student
from kdtoolbox.deployment.video_samples import NO_LABEL
from kdtoolbox.registry import TRANSFORMS


def live_predictions(
    student: Student, camera: Camera, *, seconds: float, stride_seconds: float, topk: int = 5
) -> Iterator[Prediction]:
    """The likeliest classes of sliding windows, as they come; without an end, if the camera has none.

    Args:
        seconds: length of a window.
        stride_seconds: from one window's end to the next one's, at least; a student that needs longer skips some.

    Raises:
        ValueError: the student learned no classes, or its pipeline does not begin with a video.
    """
    student.require_classes()
    first, *others = student.preprocessing['pipeline']
    if first['type'] != 'OpenVideo':
        raise ValueError(f'the student {student.source} looks at frames by {first["type"]}: expected OpenVideo')
    with DefaultScope.overwrite_default_scope('kdtoolbox'):
        pipeline = Compose([TRANSFORMS.build(dict(transform)) for transform in others])
    for window in camera.windows(seconds=seconds, stride_seconds=stride_seconds):
        frames = [frame for _, frame in window]
        start, length = window[0][0], window[-1][0] - window[0][0]
        rate = (len(frames) - 1) / length if length > 0 else 25.0
        packed = pipeline(_opened(frames, rate, camera.name))
        span = (round(start, 3), round(window[-1][0] + 1 / rate, 3))
        yield student.predict_sample(packed, name=camera.name, seconds=span, topk=topk)


def _opened(frames: list[np.ndarray], rate: float, name: str) -> dict:
    """What OpenVideo makes of a video."""
    return {
        'filename': name,
        'video_reader': FramesInMemory(frames),
        'total_frames': len(frames),
        'avg_fps': rate,
        'label': NO_LABEL,
        'modality': 'RGB',
        'sample_id': name,
        'role': '',
        'start_index': 0,
    }
