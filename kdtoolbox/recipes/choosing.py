"""From what a person asks for to the whole recipe."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from kdtoolbox.config_files.reading import read_config
from kdtoolbox.isolation import quiet_log
from kdtoolbox.preparation.annotations import write_json
from kdtoolbox.preparation.parallel import num_cores
from kdtoolbox.recipes.config_text import LABELLED, SPLIT, config_text
from kdtoolbox.recipes.networks import choose_student, choose_teacher
from kdtoolbox.recipes.recipe import (
    ALL_LABELS,
    FEW_LABELS,
    Recipe,
    baseline_of,
    batch_size_for,
    epochs_for,
    frame_stride_for,
    regime_of,
    student_for,
)
from kdtoolbox.recipes.step_time import StepTime, measure_step_time
from kdtoolbox.recipes.survey import survey_videos
from kdtoolbox.recipes.video_labels import label_videos

CONFIG, BASELINE_CONFIG = 'config.py', 'baseline.py'
MAX_WORKERS = 4
SHARE_OF_TRAINING = 0.85  # of the hours: the rest is validation, test and features


@dataclass(frozen=True)
class Wishes:
    """What is asked for.

    Args:
        videos: the folder.
        student: see :func:`choose_student`, or 'auto'.
        teacher: see :func:`choose_teacher`.
        weights: likewise.
        labels: see :func:`label_videos`.
        group_separator: likewise.
        frames: of a clip.
        size: of a clip, height and width in pixels.
        teacher_size: of the teacher's frames; None is its own.
        epochs: None is by the number of videos.
        layers: (student's layer, teacher's layer) to compare beside.
        flip: mirror half of the training clips.
    """

    videos: str | Path
    student: str = 'auto'
    teacher: str = 'torchvision.resnet50'
    weights: str | None = None
    labels: str = 'auto'
    group_separator: str = ''
    frames: int = 16
    size: int = 112
    teacher_size: int | None = None
    epochs: int | None = None
    layers: Sequence[tuple[str, str]] = ()
    flip: bool = True


def choose_recipe(wishes: Wishes) -> Recipe:
    """Look at the videos and networks, and choose the rest.

    Raises:
        ValueError: the videos, the labels or the networks cannot be used; the message says why.
    """
    # The teacher first: weights that are out of reach are to be said before every video is opened.
    teacher = choose_teacher(wishes.teacher, weights=wishes.weights, frames=wishes.frames, size=wishes.teacher_size)
    survey = survey_videos(wishes.videos)
    videos = label_videos(
        [video.name for video in survey.videos], labels=wishes.labels, group_separator=wishes.group_separator
    )
    num_training = len(videos.names('training'))
    batch_size = batch_size_for(num_training, has_gpu=torch.cuda.is_available())
    name = student_for(num_training, teacher) if wishes.student == 'auto' else wishes.student
    student = choose_student(
        name, teacher, num_classes=max(1, len(videos.classes)), frames=wishes.frames, size=wishes.size
    )
    return Recipe(
        survey=survey,
        videos=videos,
        teacher=teacher,
        student=student,
        regime=regime_of(videos, teacher),
        frames=wishes.frames,
        frame_stride=frame_stride_for(survey, wishes.frames),
        size=wishes.size,
        epochs=wishes.epochs or epochs_for(num_training // batch_size),
        batch_size=batch_size,
        workers=min(MAX_WORKERS, num_cores()),
        layers=tuple(wishes.layers),
        flip=wishes.flip,
    )


def write_recipe(recipe: Recipe, out: Path) -> Path:
    """Write the config and the split that it names; returns the config."""
    write_json(out / SPLIT, recipe.videos.annotations())
    write_json(out / LABELLED, recipe.videos.annotations(labelled_only=True))
    (out / CONFIG).write_text(config_text(recipe, out), encoding='utf-8')
    return out / CONFIG


def write_baseline(recipe: Recipe, out: Path) -> Path:
    """Write the config of the same student without a teacher, beside that of the recipe.

    Raises:
        ValueError: there are too few labels for it.
    """
    text = config_text(baseline_of(recipe), out)
    (out / BASELINE_CONFIG).write_text(text, encoding='utf-8')
    return out / BASELINE_CONFIG


def step_time_of(recipe: Recipe) -> StepTime:
    """Measured on a few steps, in a folder that is removed."""
    if recipe.regime == FEW_LABELS:  # whose probe is not fitted yet; the other term costs the same
        recipe = replace(recipe, regime=ALL_LABELS)
    with TemporaryDirectory() as folder, quiet_log():
        return measure_step_time(read_config(write_recipe(recipe, Path(folder))))


def epochs_within(hours: float, recipe: Recipe, times: StepTime) -> int:
    """As many epochs as fit, at least one."""
    return max(1, int(SHARE_OF_TRAINING * 3600 * hours / (recipe.steps_per_epoch * times.step)))
