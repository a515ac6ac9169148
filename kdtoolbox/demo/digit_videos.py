"""A small generated video data set in the layout of HMDB-51: handwritten digits that move over textured backgrounds.

The digits are those that come with scikit-learn (extra ``demo``): 1797 different images of 8×8 pixels, no download.
"""

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np

from kdtoolbox.plain_files import read_json
from kdtoolbox.safe_files import write_aside
from kdtoolbox.terminal import Progress

FRAME_SIZE = 64  # pixels, height and width
NUM_FRAMES = 24
FRAMES_PER_SECOND = 12
CLASSES = tuple(f'digit{number}' for number in range(10))
TEST_SHARE = 0.25  # of the digit images
MARKS = {'training': 1, 'test': 2}  # of HMDB-51's split files
SETTINGS_FILE, LABELS_FILE = 'digit_videos.json', 'labels.json'


@dataclass(frozen=True)
class DigitVideos:
    """Settings of the generated videos: numbers for each class, and the seed of digits and scenes."""

    training_videos_per_class: int = 80
    test_videos_per_class: int = 15
    seed: int = 0

    def count(self, subset: str) -> int:
        return {'training': self.training_videos_per_class, 'test': self.test_videos_per_class}[subset]


def split_digits(seed: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Divide the digit images: no image is both in ``'training'`` and in ``'test'``.

    Returns:
        Subset -> images (n, 8, 8), 0 to 1, and their labels (n,); the same shares of each class in both.

    Raises:
        ValueError: scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_digits
        from sklearn.model_selection import train_test_split
    except ImportError as error:
        raise ValueError(
            "the demo's digits come with scikit-learn, which is not installed: pip install 'kdtoolbox[demo]'"
        ) from error
    digits = load_digits()
    training, test, training_labels, test_labels = train_test_split(
        digits.images.astype(np.float32) / 16,
        digits.target,
        test_size=TEST_SHARE,
        stratify=digits.target,
        random_state=seed,
    )
    return {'training': (training, training_labels), 'test': (test, test_labels)}


def texture(random: np.random.Generator) -> np.ndarray:
    """A background (H, W, 3), 0-255, float32: a dark colour and coloured noise of three grain sizes."""
    image = np.full((FRAME_SIZE, FRAME_SIZE, 3), random.uniform(30, 110, 3), np.float32)
    for grain in (4, 8, 16):  # pixels
        noise = random.normal(0, 10, (FRAME_SIZE // grain, FRAME_SIZE // grain, 3)).astype(np.float32)
        image += cv2.resize(noise, (FRAME_SIZE, FRAME_SIZE), interpolation=cv2.INTER_CUBIC)
    return image.clip(0, 255)


def bounce(position: np.ndarray, low: float, high: float) -> np.ndarray:
    """Fold a straight path back at both walls.

    >>> bounce(np.array([1., 5., 7., 11.]), 0, 6)
    array([1., 5., 5., 1.])
    """
    span = high - low
    return low + span - np.abs((position - low) % (2 * span) - span)


def render(digit: np.ndarray, random: np.random.Generator, *, num_frames: int = NUM_FRAMES) -> np.ndarray:
    """Frames (T, H, W, 3), uint8 BGR, of one digit that moves, turns and changes its size over a texture.

    What is drawn from ``random`` does not depend on the digit, so that neither background nor motion tells the class.

    Args:
        digit: (8, 8), 0 to 1.
    """
    background, ink = texture(random), random.uniform(180, 255, 3).astype(np.float32)
    time = np.arange(num_frames)
    width = random.uniform(30, 42) * (1 + random.uniform(0, 0.15) * np.sin(time * random.uniform(0.1, 0.4)))  # pixels
    speed, direction = random.uniform(0.3, 2), random.uniform(0, 2 * np.pi)  # pixels a frame, radians
    margin = 22  # pixels; a large digit is cut by the border now and then
    x, y = (
        bounce(
            random.uniform(margin, FRAME_SIZE - margin) + speed * part(direction) * time, margin, FRAME_SIZE - margin
        )
        for part in (np.cos, np.sin)
    )
    degrees = random.uniform(-10, 10) + random.uniform(-0.5, 0.5) * time
    return np.stack([_draw(background, digit, ink, (x[t], y[t], width[t], degrees[t])) for t in time])


def stills(images: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """One still (N, H, W, 3), uint8 RGB, of each digit image (N, 8, 8), each on a background of its own."""
    return np.stack([render(image, random, num_frames=1)[0, :, :, ::-1] for image in images])


def write_digit_videos(folder: Path, settings: DigitVideos) -> tuple[Path, Path]:
    """Write ``videos/<class>/<name>.avi`` and ``annotations/<class>_test_split1.txt`` in ``folder``.

    All is written beside ``folder`` and moved there when it is whole. What is there with the same settings is kept.

    Returns:
        The folder of the videos and that of the annotations.

    Raises:
        ValueError: ``folder`` holds something else, a class has too few digits, or this OpenCV cannot write videos.
    """
    known = settings_of(folder)
    if known != asdict(settings):
        aside = folder.with_name(f'{folder.name}.part')
        shutil.rmtree(aside, ignore_errors=True)
        jobs = _choose(settings)
        _write_annotations(aside / 'annotations', jobs)
        bar = Progress(len(jobs), what='videos written')
        for file, digit, scene_seed in jobs:
            write_video(aside / 'videos' / file, render(digit, np.random.default_rng(scene_seed)))
            bar.update()
        bar.close()
        (aside / SETTINGS_FILE).write_text(json.dumps(asdict(settings)))
        if known is not None:
            shutil.rmtree(folder)
        aside.replace(folder)
    return folder / 'videos', folder / 'annotations'


def write_few_labels(folder: Path, settings: DigitVideos, *, labels_per_class: int) -> Path:
    """Write ``labels.json`` in the folder of the videos: the split, and labels for a few training videos of each class.

    It is in the form of ``kdtoolbox prepare folder``. The test videos all have their label, to be measured on.
    """
    database = {}
    for file, _, _ in _choose(settings):
        _, subset, position = file.stem.split('_')
        has_label = subset == 'test' or int(position) < labels_per_class
        entry: dict = {'subset': 'training' if subset == 'training' else 'validation'}
        database[file.as_posix()] = {**entry, 'annotations': {'label': file.parent.name}} if has_label else entry
    write_aside(folder / LABELS_FILE, json.dumps({'labels': list(CLASSES), 'database': database}, indent=1))
    return folder / LABELS_FILE


def settings_of(folder: Path) -> Mapping | None:
    """The settings that the videos in ``folder`` were written with, None if it is not there.

    Raises:
        ValueError: ``folder`` holds something else.
    """
    if not folder.exists():
        return None
    if not (folder / SETTINGS_FILE).is_file():
        raise ValueError(f'{folder} exists but was not written by the demo: name another --work-dir, or move it away')
    settings = read_json(folder / SETTINGS_FILE, max_bytes=100_000)
    return settings if isinstance(settings, Mapping) else {}


def write_video(file: Path, frames: np.ndarray) -> None:
    """Encode frames (T, H, W, 3), uint8 BGR, as XviD, which is what HMDB-51's clips are.

    Raises:
        ValueError: this OpenCV has no encoder for it.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    height, width = frames.shape[1:3]
    writer = cv2.VideoWriter(str(file), cv2.VideoWriter.fourcc(*'XVID'), FRAMES_PER_SECOND, (width, height))
    if not writer.isOpened():
        raise ValueError(
            f'{file}: this build of OpenCV ({cv2.__version__}) cannot encode XviD; install '
            'opencv-python-headless from the registry'
        )
    for frame in frames:
        writer.write(frame)
    writer.release()


def _draw(background: np.ndarray, digit: np.ndarray, ink: np.ndarray, place: tuple[float, ...]) -> np.ndarray:
    """The digit in the colour ``ink`` on the background; ``place`` is x, y and width in pixels, and degrees."""
    x, y, width, degrees = place
    centre = (len(digit) - 1) / 2
    matrix = cv2.getRotationMatrix2D((centre, centre), degrees, width / len(digit))
    matrix[:, 2] += np.array((x - centre, y - centre))
    mask = cv2.warpAffine(digit, matrix, (FRAME_SIZE, FRAME_SIZE), flags=cv2.INTER_CUBIC).clip(0, 1)[..., None]
    return (background * (1 - mask) + ink * mask).round().astype(np.uint8)


def _choose(settings: DigitVideos) -> list[tuple[Path, np.ndarray, tuple[int, ...]]]:
    """File below ``videos/``, digit image and seed of the scene, of every video."""
    jobs: list[tuple[Path, np.ndarray, tuple[int, ...]]] = []
    for subset, (images, labels) in split_digits(settings.seed).items():
        for label, name in enumerate(CLASSES):
            numbers = np.flatnonzero(labels == label)[: settings.count(subset)]
            if len(numbers) < settings.count(subset):
                raise ValueError(
                    f'{settings.count(subset)} {subset} videos of {name} are asked for, one of each digit '
                    f'image, but there are only {len(numbers)} images'
                )
            jobs += [
                (
                    Path(name, f'{name}_{subset}_{position:03}.avi'),
                    images[number],
                    (settings.seed, MARKS[subset], int(number)),
                )
                for position, number in enumerate(numbers)
            ]
    return jobs


def _write_annotations(folder: Path, jobs: list[tuple]) -> None:
    folder.mkdir(parents=True)
    for name in CLASSES:
        files = [file for file, _, _ in jobs if file.parent.name == name]
        lines = [f'{file.name} {MARKS[file.stem.split("_")[1]]} \n' for file in files]
        (folder / f'{name}_test_split1.txt').write_text(''.join(lines))
