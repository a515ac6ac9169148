"""Decode once: views of every video, as the frozen first layers of MobileNetV2 and the teacher see them, on disk.

A training of the study then costs the small 3D layers alone. Views, pipelines and networks are those of
``benchmarks/real_video.py --student image_stem``; the stem's output and the teacher's features are kept in half
precision, as memory-mapped arrays, in a work folder of some 2 GB that is never committed.
"""

import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from torch import Tensor
from torchvision.models.feature_extraction import create_feature_extractor

from kdtoolbox.datasets.video_lists import read_list
from kdtoolbox.registry import DATASETS, MODELS
from kdtoolbox.safe_files import save_aside, write_aside
from kdtoolbox.taps import FRAME_FEATURES
from kdtoolbox.terminal import Progress
from kdtoolbox.views import IMAGENET_MEAN, IMAGENET_STD, View

CONFIG = Path(__file__).parents[1] / 'real_video_config.py'
STEM_LAYERS = ('features.3', 'features.6', 'features.10', 'features.13')  # strides 4, 8, 16, 16
STUDENT_PIXELS, EVALUATION_SIDE = 112, 128
NETWORK_FILE = 'image_network.pth'
GROUP = re.compile(r'_g(\d+)_c\d+')


@dataclass(frozen=True)
class Views:
    """The stored views of V videos.

    Args:
        names: V, such as ``Surfing/v_Surfing_g08_c01``.
        labels: (V,).
        classes: their names.
        groups: (V,), UCF-101's group of each; clips of a class and group are cut from one recording.
        is_test: (V,), whether the video is on the test list; these have no training views.
        training: layer -> (V, K, C, T, h, w) float16 of K random training views, with zeros for the test videos.
        evaluation: layer -> (V, E, C, T, h, w) of E evenly spaced centre crops.
        teacher: (V, K, T', 1280), the teacher's features of the frames of the same training views.
        teacher_evaluation: (V, E, T', 1280).
        classifier: weight (1000, 1280) and bias (1000,), from features to logits.
    """

    names: list[str]
    labels: Tensor
    classes: list[str]
    groups: Tensor
    is_test: Tensor
    training: dict[str, np.ndarray]
    evaluation: dict[str, np.ndarray]
    teacher: Tensor
    teacher_evaluation: Tensor
    classifier: tuple[Tensor, Tensor]


def load_views(folder: Path) -> Views:
    """The views that :func:`store_views` left.

    Raises:
        ValueError: there are none.
    """
    if not (folder / 'facts.json').is_file():
        raise ValueError(f'{folder} has no stored views: run "python benchmarks/students/study.py store" first')
    facts = json.loads((folder / 'facts.json').read_text(encoding='utf-8'))

    def array(name: str, mode: str | None = None) -> np.ndarray:
        return np.load(folder / f'{name}.npy', mmap_mode=mode)

    return Views(
        names=facts['names'],
        labels=torch.tensor(facts['labels']),
        classes=facts['classes'],
        groups=torch.tensor(facts['groups']),
        is_test=torch.tensor(facts['is_test']),
        training={layer: array(f'training_{layer}', 'r') for layer in facts['layers']},
        evaluation={layer: array(f'evaluation_{layer}', 'r') for layer in facts['layers']},
        teacher=torch.from_numpy(array('teacher')).float(),
        teacher_evaluation=torch.from_numpy(array('teacher_evaluation')).float(),
        classifier=(torch.from_numpy(array('classifier_weight')), torch.from_numpy(array('classifier_bias'))),
    )


def store_views(
    folder: Path, *, root: list[str], train_list: str, test_list: str, weights: str, num_views: int, seed: int = 0
) -> None:
    """Decode all videos and write what :func:`load_views` reads; a stored cache is left as it is."""
    if (folder / 'facts.json').is_file():
        print(f'{folder}: the views are stored already', file=sys.stderr)
        return
    folder.mkdir(parents=True, exist_ok=True)
    config = Config.fromfile(CONFIG)
    listed = [read_list(file)[0] for file in (train_list, test_list)]
    classes = sorted({annotation.label for annotations in listed for annotation in annotations})
    source = dict(type='UCF101Dataset', data_root=root, metainfo=dict(classes=classes), seed=seed)
    teacher = MODELS.build(
        dict(type='ImageTeacher', model='torchvision.mobilenet_v2', weights=weights, view=config.model.teacher.view)
    )
    stem = create_feature_extractor(teacher.network, {layer: layer for layer in STEM_LAYERS}).eval()
    writer = _Writer(folder, teacher, stem, config)
    num_training = len(listed[0])
    total = num_training + len(listed[1])
    facts = {'names': [], 'labels': [], 'groups': [], 'is_test': []}
    pipelines = [
        _with_size(config.val_pipeline, EVALUATION_SIDE, STUDENT_PIXELS),
        config.teacher_pipeline.copy(),
    ]
    progress = Progress(num_training * num_views + total, what='videos and views')
    for first, ann_file in ((0, train_list), (num_training, test_list)):
        looks = [
            DATASETS.build(dict(source, ann_file=ann_file, pipeline=pipeline, test_mode=True)) for pipeline in pipelines
        ]
        random_views = DATASETS.build(dict(source, ann_file=ann_file, pipeline=config.train_pipeline))
        for index in range(len(random_views)):
            seen, shown = (look[index]['inputs'] for look in looks)
            writer.evaluation(first + index, total, seen, shown)
            sample = random_views.get_data_info(index)
            facts['names'].append(sample['sample_id'])
            facts['labels'].append(int(sample['label']))
            facts['groups'].append(int(GROUP.search(sample['sample_id'])[1]))
            facts['is_test'].append(first > 0)
            progress.update()
            for view in range(num_views if first == 0 else 0):
                random_views.set_epoch(view)
                writer.training(first + index, total, view, num_views, random_views[index]['inputs'])
                progress.update()
    progress.close()
    writer.close()
    save_aside(teacher.network.state_dict(), folder / NETWORK_FILE)
    classifier = teacher.network.classifier[-1]
    np.save(folder / 'classifier_weight.npy', classifier.weight.detach().numpy())
    np.save(folder / 'classifier_bias.npy', classifier.bias.detach().numpy())
    write_aside(folder / 'facts.json', json.dumps({**facts, 'classes': classes, 'layers': STEM_LAYERS}))


def _with_size(pipeline: list, side: int, pixels: int) -> list[dict]:
    """The pipeline with another short side and centre crop."""
    sizes = {'Resize': {'scale': (-1, side)}, 'CenterCrop': {'crop_size': pixels}}
    return [{**step, **sizes.get(step['type'], {})} for step in pipeline]


class _Writer:
    """Runs the networks on views and writes their outputs to memory-mapped files."""

    def __init__(self, folder: Path, teacher, stem, config: Config) -> None:
        self.folder, self.teacher, self.stem = folder, teacher, stem
        self.view = View(size=STUDENT_PIXELS, mean=IMAGENET_MEAN, std=IMAGENET_STD)
        self.files: dict[str, np.ndarray] = {}

    def evaluation(self, video: int, total: int, seen: Tensor, shown: Tensor) -> None:
        self._write('evaluation', video, total, slice(None), len(seen), self._stem_maps(seen))
        self._write('teacher_evaluation', video, total, slice(None), len(seen), self._teacher_features(shown))

    def training(self, video: int, total: int, view: int, num_views: int, clip: Tensor) -> None:
        self._write('training', video, total, slice(view, view + 1), num_views, self._stem_maps(clip))
        self._write('teacher', video, total, slice(view, view + 1), num_views, self._teacher_features(clip))

    @torch.inference_mode()
    def _stem_maps(self, clips: Tensor) -> dict[str, Tensor]:
        """(M, 3, T, H, W), 0-255 -> layer -> (M, C, T, h, w)."""
        frames = self.view.render(clips).transpose(1, 2)
        images = frames.flatten(0, 1).contiguous(memory_format=torch.channels_last)
        return {name: maps.unflatten(0, frames.shape[:2]).transpose(1, 2) for name, maps in self.stem(images).items()}

    def _teacher_features(self, clips: Tensor) -> dict[str, Tensor]:
        """(M, 3, T, H, W), 0-255 -> (M, T', 1280)."""
        return {'': self.teacher.outputs_of_frames(self.teacher.view.render(clips).transpose(1, 2))[FRAME_FEATURES]}

    def _write(
        self, name: str, video: int, total: int, where: slice, num_views: int, outputs: dict[str, Tensor]
    ) -> None:
        for layer, output in outputs.items():
            key = f'{name}_{layer}' if layer else name
            if key not in self.files:
                self.files[key] = np.lib.format.open_memmap(
                    self.folder / f'{key}.npy', 'w+', np.float16, (total, num_views, *output.shape[1:])
                )
            self.files[key][video, where] = output.half().numpy()

    def close(self) -> None:
        for file in self.files.values():
            file.flush()
