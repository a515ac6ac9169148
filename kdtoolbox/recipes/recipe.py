"""The recipe for a folder of videos: which losses, how long, which clips, by what was measured (docs/real_video.md)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from kdtoolbox.recipes.networks import StudentChoice, TeacherChoice
from kdtoolbox.recipes.survey import Survey
from kdtoolbox.recipes.video_labels import LabelledVideos

LABEL_FREE, FEW_LABELS, ALL_LABELS = 'label-free', 'few labels', 'all labels'
LABELS_ALONE = 'labels alone'  # of the baseline
WHY = {
    LABEL_FREE: "no labels: the student learns the teacher's features of the whole video, each channel standardised",
    FEW_LABELS: 'some videos have labels: a linear probe on them gives the teacher the classes, and the student agrees '
    'with it on all videos',
    ALL_LABELS: "the student learns the labels, and beside them, on all videos, the teacher's features",
    LABELS_ALONE: 'the baseline: the same student learns the same labels in as many steps, without a teacher',
}
SMALL = 2000  # training videos, below which a student begins with the first layers of its teacher
CLIP_SECONDS = 1.3  # that a clip should span: in less, it is little more than an image
STEPS = 750  # of a training, at least: few videos are seen more often
MIN_EPOCHS, MAX_EPOCHS = 25, 100
BATCH_SIZE = {'cpu': 8, 'gpu': 32}
LEARNING_RATE = 1e-3  # of AdamW, for a batch of 8
WARMUP_SHARE = 0.08
VALIDATIONS = 5  # during a training
TEST_CLIPS = 4  # of a video, in the test
MIN_TRAINING_VIDEOS = 4
MIN_STEPS_BETWEEN_CHECKPOINTS = 5


@dataclass(frozen=True)
class Recipe:
    """All that a config is written from.

    Args:
        survey: of the folder.
        videos: their labels and subsets.
        teacher: the chosen one.
        student: likewise.
        regime: :data:`LABEL_FREE`, :data:`FEW_LABELS` or :data:`ALL_LABELS`.
        frames: of a clip.
        frame_stride: from one frame of a clip to the next.
        size: height and width of the student's clips in pixels.
        epochs: over the training videos.
        batch_size: clips of a step.
        workers: processes that decode.
        layers: (student's layer, teacher's layer) pairs to compare beside.
        flip: half of the training clips are mirrored.
    """

    survey: Survey
    videos: LabelledVideos
    teacher: TeacherChoice
    student: StudentChoice
    regime: str
    frames: int
    frame_stride: int
    size: int
    epochs: int
    batch_size: int
    workers: int
    layers: Sequence[tuple[str, str]] = field(default=())
    flip: bool = True

    @property
    def num_training(self) -> int:
        """Training videos."""
        return len(self.videos.names('training'))

    @property
    def steps_per_epoch(self) -> int:
        """An epoch leaves the last incomplete batch out."""
        return self.num_training // self.batch_size

    @property
    def evaluates(self) -> bool:
        """There are labelled videos to measure on."""
        return bool(self.videos.names('validation', labelled=True))

    @property
    def validates(self) -> bool:
        """A look now and then while it trains; a training of a few epochs has the test alone, which follows it."""
        return self.evaluates and self.epochs >= VALIDATIONS

    @property
    def validation_interval(self) -> int:
        """Epochs from one validation to the next."""
        return max(1, math.ceil(self.epochs / VALIDATIONS))

    @property
    def checkpoint_interval(self) -> int:
        """Epochs from one checkpoint to the next: writing them is to take little beside the steps."""
        return min(self.epochs, math.ceil(MIN_STEPS_BETWEEN_CHECKPOINTS / self.steps_per_epoch))

    @property
    def log_interval(self) -> int:
        """Steps from one line of the log, a point of the report's curves, to the next."""
        return max(1, min(20, self.epochs * self.steps_per_epoch // 20))

    @property
    def warmup_epochs(self) -> int:
        """0 for a training of a few epochs."""
        return max(1, round(WARMUP_SHARE * self.epochs)) if self.epochs >= 5 else 0

    @property
    def learning_rate(self) -> float:
        """Grows with the root of the batch, as is usual for AdamW."""
        return round(LEARNING_RATE * math.sqrt(self.batch_size / BATCH_SIZE['cpu']), 6)


def regime_of(videos: LabelledVideos, teacher: TeacherChoice) -> str:
    """How the student learns, by what labels the training videos have."""
    if not videos.names('training', labelled=True):
        return LABEL_FREE
    without = videos.names('training', labelled=False)
    return FEW_LABELS if without and teacher.takes_probe else ALL_LABELS


def student_for(num_training: int, teacher: TeacherChoice) -> str:
    """The student that learns most from so many videos."""
    return 'image_stem' if num_training < SMALL and teacher.stem is not None else 'r3d18'


def frame_stride_for(survey: Survey, frames: int) -> int:
    """A clip spans :data:`CLIP_SECONDS`, but not more than half of the videos have."""
    wanted = round(CLIP_SECONDS * survey.median_rate / frames)
    return max(1, min(wanted, survey.median_frames // frames))


def epochs_for(steps_per_epoch: int) -> int:
    """So many that there are :data:`STEPS` steps."""
    return max(MIN_EPOCHS, min(MAX_EPOCHS, math.ceil(STEPS / max(1, steps_per_epoch))))


def batch_size_for(num_training: int, *, has_gpu: bool) -> int:
    """Of a step; all videos where there are fewer.

    Raises:
        ValueError: there are too few videos to learn from.
    """
    if num_training < MIN_TRAINING_VIDEOS:
        raise ValueError(
            f'{num_training} videos to learn from, expected {MIN_TRAINING_VIDEOS} or more (a part is held out to '
            'evaluate on): add videos'
        )
    return min(BATCH_SIZE['gpu' if has_gpu else 'cpu'], num_training)


def baseline_of(recipe: Recipe) -> Recipe:
    """The same student on the labels alone: what it would be without a teacher.

    Raises:
        ValueError: there are too few labels to train on.
    """
    videos = recipe.videos
    labelled = len(videos.names('training', labelled=True))
    if labelled < MIN_TRAINING_VIDEOS:
        raise ValueError(
            f'--baseline: {labelled} of the videos to learn from have a label, expected {MIN_TRAINING_VIDEOS} or more: '
            'without a teacher a student learns from labels alone'
        )
    batch_size = min(recipe.batch_size, labelled)
    epochs = max(1, round(recipe.epochs * recipe.steps_per_epoch / (labelled // batch_size)))
    return replace(
        recipe, videos=videos.labelled_only(), regime=LABELS_ALONE, epochs=epochs, batch_size=batch_size, layers=()
    )


def terms_of(recipe: Recipe) -> dict[str, dict]:
    """The terms of the config."""
    terms: dict[str, dict] = {}
    if recipe.regime == LABELS_ALONE:
        return terms
    if recipe.regime == FEW_LABELS:
        terms['probe'] = dict(student='logits', teacher='logits', loss=dict(type='KLDivergence', temperature=2.0))
    else:
        distance = dict(type='L2')
        terms['features'] = dict(
            student='features',
            teacher='features',
            # Measured without labels alone, docs/students.md: what the video shows is a better target than the clip.
            loss=dict(type='VideoMean', loss=distance) if recipe.regime == LABEL_FREE else distance,
            student_connector=dict(
                type='LinearProjection', in_channels=recipe.student.channels, out_channels=recipe.teacher.channels
            ),
            teacher_connector=dict(type='Standardize', channels=recipe.teacher.channels),
        )
    for number, (student, teacher) in enumerate(recipe.layers, start=1):
        terms[f'layer{number}'] = dict(
            student=student, teacher=teacher, loss=dict(type='PKD'), student_connector='auto'
        )
    return terms


def describe(recipe: Recipe) -> list[tuple[str, str]]:
    """What was found and chosen, for the console: names and texts."""
    survey, videos = recipe.survey, recipe.videos
    shorter = survey.num_shorter_than((recipe.frames - 1) * recipe.frame_stride + 1)
    copies = sum(reason.startswith('the same file') for reason in survey.left_out.values())
    left_out = len(survey.left_out)
    data = f'{len(survey.videos)} videos, {survey.median_frames} frames in the median'
    rows = [('videos', data)]
    if left_out:
        rows.append(('left out', f'{left_out}, of which {copies} are copies of others: videos_report.tsv'))
    if shorter:
        rows.append(('short', f'{shorter} videos are shorter than a clip: their frames are repeated'))
    labelled = len(videos.names('training', labelled=True))
    training = f'{recipe.num_training} to learn from' + (f' ({labelled} with a label)' if videos.classes else '')
    rows += [
        ('labels', f'{videos.source}'),
        ('split', f'{training}, {len(videos.names("validation"))} held out'),
        *(('remark', remark) for remark in videos.remarks),
        ('recipe', f'{recipe.regime}: {WHY[recipe.regime]}'),
        ('student', f'{recipe.student.name}, {recipe.frames} frames every {recipe.frame_stride}, {recipe.size} pixels'),
        ('teacher', f'{teacher_name(recipe.teacher)}, {recipe.teacher.pixels} pixels'),
        ('training', f'{recipe.epochs} epochs of {recipe.steps_per_epoch} steps of {recipe.batch_size} clips'),
    ]
    return rows


def teacher_name(teacher: TeacherChoice) -> str:
    """The network of a teacher, in words."""
    model = teacher.config.get('model') or teacher.config['recognizer']
    return model if isinstance(model, str) else str(model.get('type'))
