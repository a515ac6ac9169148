"""The student of a checkpoint with the way it is tested, which its use on videos needs."""

from collections.abc import Mapping
from pathlib import Path

from kdtoolbox.deployment.preprocessing import refuse_unknown_transforms
from kdtoolbox.engine.student_settings import student_config, student_test_pipeline, student_view


def tested_student(checkpoint: Mapping, *, source: str | Path) -> tuple[dict, list, str]:
    """The config of the recognizer, its test pipeline and the modality of its clips, such as ``'rgb'``.

    Args:
        checkpoint: of a training, or exported.
        source: its file, for messages.

    Raises:
        ValueError: the checkpoint does not tell them, or the pipeline has transforms that are not registered.
    """
    model = student_config(checkpoint, source=str(source))
    pipeline = student_test_pipeline(checkpoint, source=str(source))
    if model is None or pipeline is None:
        raise ValueError(
            f'{source} does not tell {"the config of its student" if model is None else "how its student is tested"}: '
            'take a checkpoint that a training of kdtoolbox wrote, whose config has a test_dataloader, or that it '
            'exported. The weights alone: kdtoolbox export-student'
        )
    refuse_unknown_transforms(pipeline, what=f"{source}: the student's test pipeline")
    return model, pipeline, (student_view(checkpoint, source=str(source)) or {}).get('modality', 'rgb')
