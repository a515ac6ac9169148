"""The student's own running average as its teacher."""

from collections.abc import Mapping

from mmaction.models import Recognizer2D
from mmengine.model import ExponentialMovingAverage
from torch import nn

from kdtoolbox.registry import MODELS
from kdtoolbox.teachers.frozen import recognizer_normalisation
from kdtoolbox.teachers.recognizer_teacher import RecognizerTeacher
from kdtoolbox.views import View


@MODELS.register_module()
class EMATeacher(RecognizerTeacher):
    """A mean teacher: Tarvainen & Valpola, arXiv:1703.01780, eq. 1. Needs ``EMATeacherHook``, which moves and saves it.

    Each of its parameters follows the student's, ``decay * own + (1 - decay) * student's`` after every step; buffers
    such as batch norm's statistics are the student's. It is not in ``state_dict()``, as no teacher is.

    Args:
        student: the student that is built; the distiller fills it in.
        decay: share of the average that stays.
        view: size in pixels and ``frame_stride``; may differ from the student's.
        compute_dtype: ``'float32'``, ``'bfloat16'`` or ``'float16'``.

    Raises:
        ValueError: the decay is not in (0, 1).
    """

    def __init__(self, student: nn.Module, *, view: Mapping, decay: float = 0.999, compute_dtype: str = 'float32') -> None:
        if not 0 < decay < 1:
            raise ValueError(f'EMATeacher decay {decay}: expected a share in (0, 1); the paper has 0.99 to 0.999')
        average = ExponentialMovingAverage(student, momentum=1 - decay)
        super(RecognizerTeacher, self).__init__(average.module, classifier='cls_head', compute_dtype=compute_dtype,
                                                view=View(**{**recognizer_normalisation(student), **view}))
        self.is_2d = isinstance(student, Recognizer2D)
        self.average = average

    def follow(self, student: nn.Module) -> None:
        """Move towards the student; the first time, become it."""
        self.average.update_parameters(student)
