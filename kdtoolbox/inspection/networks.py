"""The networks of a model that is trained: a distiller, or any other model, which is then its own student."""

from collections.abc import Mapping
from typing import Any

from torch import nn


def student_of(model: nn.Module) -> Any:
    """The student of a distiller; of another model, the model."""
    return getattr(model, 'student', model)


def teachers_of(model: nn.Module) -> Mapping[str, Any]:
    """Name -> teacher of a distiller; none for another model."""
    return getattr(model, 'teachers', {})


def num_classes_of(model: nn.Module) -> int:
    """The number of classes of the student's head."""
    return student_of(model).cls_head.num_classes
