"""A teacher that is an exponential moving average (EMA) of the student."""

from collections.abc import Mapping

from mmaction.models import Recognizer2D
from mmengine.model import ExponentialMovingAverage
from torch import nn

from kdtoolbox.registry import MODELS
from kdtoolbox.teachers.frozen import recognizer_normalisation
from kdtoolbox.teachers.recognizer_teacher import RecognizerTeacher
from kdtoolbox.teachers.token_layout import layout_of_recognizer
from kdtoolbox.views import View


@MODELS.register_module()
class EMATeacher(RecognizerTeacher):
    """A mean teacher: Tarvainen & Valpola, arXiv:1703.01780, eq. 1. ``EMATeacherHook`` updates and saves it.

    Its parameters are ``decay * own + (1 - decay) * student's`` after every step of the optimizer. Buffers, such as
    batch norm statistics, are copied from the student. Like all teachers it is not in ``state_dict()``.

    Args:
        student: the student; the distiller passes it.
        decay: factor of the old average.
        view: size in pixels and ``frame_stride``; may differ from the student's. The modality is the student's.
        student_view: the student's view; the distiller passes it.
        compute_dtype: ``'float32'``, ``'bfloat16'`` or ``'float16'``.

    Attributes:
        is_followed: whether it was initialised from the student or a checkpoint; before that its weights are random.

    Raises:
        ValueError: the decay is not in (0, 1), or the view has another modality than the student's.
    """

    def __init__(
        self,
        student: nn.Module,
        *,
        view: Mapping,
        decay: float = 0.999,
        student_view: View | None = None,
        compute_dtype: str = 'float32',
    ) -> None:
        if not 0 < decay < 1:
            raise ValueError(f'EMATeacher decay {decay}: expected a share in (0, 1); the paper has 0.99 to 0.999')
        modality = 'rgb' if student_view is None else student_view.modality
        if view.get('modality', modality) != modality:
            raise ValueError(
                f'EMATeacher view.modality {view["modality"]!r}: it is the average of a student that sees '
                f'{modality!r}, which is the only thing it can make something of: leave it out'
            )
        average = ExponentialMovingAverage(student, momentum=1 - decay)
        super(RecognizerTeacher, self).__init__(
            average.module,
            classifier='cls_head',
            compute_dtype=compute_dtype,
            view=View(**{**recognizer_normalisation(student), 'modality': modality, **view}),
        )
        self.is_2d = isinstance(student, Recognizer2D)
        self.layout = None if self.is_2d else layout_of_recognizer(average.module)
        self.average = average
        self.is_followed = False

    def follow(self, student: nn.Module) -> None:
        """Update the average; the first call copies the student."""
        self.average.update_parameters(student)
        self.is_followed = True

    def go_on_from(self, state: Mapping) -> None:
        """Load a stored average."""
        self.average.load_state_dict(state, strict=True)
        self.is_followed = True
