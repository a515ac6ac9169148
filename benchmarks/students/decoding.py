"""All views of all videos, decoded once, and arrays on disk to write what networks make of them."""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from mmengine.config import Config
from torch import Tensor

from kdtoolbox.datasets.video_lists import read_list
from kdtoolbox.registry import DATASETS, MODELS
from kdtoolbox.terminal import Progress

CONFIG = Path(__file__).parents[1] / 'real_video_config.py'
STUDENT_PIXELS, EVALUATION_SIDE = 112, 128
GROUP = re.compile(r'_g(\d+)_c\d+')


@dataclass(frozen=True)
class Source:
    """Where the videos are.

    Args:
        root: folders of the videos.
        train_list: file.
        test_list: likewise.
        num_views: random training views of each video of the train list.
        seed: of these views.
    """

    root: list[str]
    train_list: str
    test_list: str
    num_views: int
    seed: int = 0

    def listed(self) -> list[list]:
        """The videos of the two lists."""
        return [read_list(file)[0] for file in (self.train_list, self.test_list)]

    def classes(self) -> list[str]:
        return sorted({annotation.label for annotations in self.listed() for annotation in annotations})


@dataclass(frozen=True)
class Decoded:
    """One look at a video.

    Args:
        video: its number; those of the test list come last.
        view: number of the training view; None for the evenly spaced centre crops.
        sample: what the data set knows of it.
        is_test: whether it is on the test list.
        seen: (M, 3, T, H, W), 0-255, for the student.
        shown: the same for the teacher, at its own size.
    """

    video: int
    view: int | None
    sample: dict
    is_test: bool
    seen: Tensor
    shown: Tensor


def decoded(source: Source) -> Iterator[Decoded]:
    """Each video's centre crops and then, if it is on the train list, its training views."""
    config = Config.fromfile(CONFIG)
    num_training, num_test = (len(annotations) for annotations in source.listed())
    data = dict(type='UCF101Dataset', data_root=source.root, metainfo=dict(classes=source.classes()), seed=source.seed)
    pipelines = [_with_size(config.val_pipeline, EVALUATION_SIDE, STUDENT_PIXELS), config.teacher_pipeline.copy()]
    progress = Progress(num_training * (1 + source.num_views) + num_test, what='videos and views')
    for first, ann_file in ((0, source.train_list), (num_training, source.test_list)):
        looks = [
            DATASETS.build(dict(data, ann_file=ann_file, pipeline=pipeline, test_mode=True)) for pipeline in pipelines
        ]
        random_views = DATASETS.build(dict(data, ann_file=ann_file, pipeline=config.train_pipeline))
        for index in range(len(random_views)):
            about = first + index, random_views.get_data_info(index), first > 0
            seen, shown = (look[index]['inputs'] for look in looks)
            yield Decoded(about[0], None, *about[1:], seen, shown)
            progress.update()
            for view in range(source.num_views if first == 0 else 0):
                random_views.set_epoch(view)
                clip = random_views[index]['inputs']
                yield Decoded(about[0], view, *about[1:], clip, clip)
                progress.update()
    progress.close()


def teacher_of(weights: str, layers: tuple[str, ...] = ()):
    """The teacher of the study, which listens to layers too."""
    view = Config.fromfile(CONFIG).model.teacher.view
    teacher = MODELS.build(dict(type='ImageTeacher', model='torchvision.mobilenet_v2', weights=weights, view=view))
    teacher.listen(layers)
    return teacher


class ArrayFiles:
    """Memory-mapped arrays (videos, views, ...) that are made when they are first written to."""

    def __init__(self, folder: Path, num_videos: int, num_views: int) -> None:
        self.folder, self.num_videos, self.num_views = folder, num_videos, num_views
        self.files: dict[str, np.ndarray] = {}

    def write(self, names: tuple[str, str], look: Decoded, output: Tensor, dtype=np.float16) -> None:
        """Write what was made of a look: (M, ...) of the centre crops, (1, ...) of a training view.

        Args:
            names: of the arrays for training views and for centre crops.
        """
        key, views = (names[1], len(output)) if look.view is None else (names[0], self.num_views)
        if key not in self.files:
            self.files[key] = np.lib.format.open_memmap(
                self.folder / f'{key}.npy', 'w+', dtype, (self.num_videos, views, *output.shape[1:])
            )
        where = slice(None) if look.view is None else slice(look.view, look.view + 1)
        self.files[key][look.video, where] = output.numpy().astype(dtype)

    def close(self) -> None:
        for file in self.files.values():
            file.flush()


def _with_size(pipeline: list, side: int, pixels: int) -> list[dict]:
    """The pipeline with another short side and centre crop."""
    sizes = {'Resize': {'scale': (-1, side)}, 'CenterCrop': {'crop_size': pixels}}
    return [{**step, **sizes.get(step['type'], {})} for step in pipeline]


def is_stored(file: Path, what: str) -> bool:
    """Whether a cache is there; says so."""
    if file.is_file():
        print(f'{file.parent}: {what} are stored already', file=sys.stderr)
    return file.is_file()
