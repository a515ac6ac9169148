"""Decode once: views of every video, as the frozen first layers of MobileNetV2 and the teacher see them, on disk.

A training of the study then costs the small 3D layers alone. Views, pipelines and networks are those of
``benchmarks/real_video.py --student image_stem``; the stem's output and the teacher's features are kept in half
precision, as memory-mapped arrays, in a work folder of some 2 GB that is never committed.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from decoding import GROUP, STUDENT_PIXELS, ArrayFiles, Source, decoded, is_stored, teacher_of
from torch import Tensor, nn
from torchvision.models.feature_extraction import create_feature_extractor

from kdtoolbox.safe_files import save_aside, write_aside
from kdtoolbox.taps import FRAME_FEATURES
from kdtoolbox.views import IMAGENET_MEAN, IMAGENET_STD, View

STEM_LAYERS = ('features.3', 'features.6', 'features.10', 'features.13')  # strides 4, 8, 16, 16
# Of the teacher: three blocks' ends, without an activation, and the map that its classifier averages.
TEACHER_LAYERS = ('features.6', 'features.13', 'features.17', 'features.18')
PIXELS = 'pixels'  # the "layer" of a student that has no stem
FACTS, MORE_FACTS, NETWORK_FILE = 'facts.json', 'more.json', 'image_network.pth'


@dataclass(frozen=True)
class Views:
    """The stored views of V videos: mapped from their files, or on a device, see :meth:`on`.

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
        teacher_maps: layer -> (V, K, C, T', h, w), the teacher's inner maps of the training views, if they were stored.
    """

    names: list[str]
    labels: Tensor
    classes: list[str]
    groups: Tensor
    is_test: Tensor
    training: Mapping[str, np.ndarray | Tensor]
    evaluation: Mapping[str, np.ndarray | Tensor]
    teacher: Tensor
    teacher_evaluation: Tensor
    classifier: tuple[Tensor, Tensor]
    teacher_maps: Mapping[str, np.ndarray | Tensor] = field(default_factory=dict)

    @property
    def device(self) -> torch.device:
        """Where trainings on these views run."""
        return self.teacher.device

    def on(self, device: str | torch.device, layers: Collection[str], teacher_layers: Collection[str] = ()) -> 'Views':
        """All that trainings read, on a device once and for all of them.

        Args:
            layers: of the stem, that the students need.
            teacher_layers: whose maps they need.
        """

        def moved(arrays: Mapping[str, np.ndarray | Tensor], names: Collection[str]) -> dict[str, Tensor]:
            return {
                name: torch.as_tensor(np.array(array) if isinstance(array, np.ndarray) else array, device=device)
                for name, array in arrays.items()
                if name in names
            }

        weight, bias = self.classifier
        return replace(
            self,
            training=moved(self.training, layers),
            evaluation=moved(self.evaluation, layers),
            teacher=self.teacher.to(device),
            classifier=(weight.to(device), bias.to(device)),
            teacher_maps=moved(self.teacher_maps, teacher_layers),
        )


def picked(stored: np.ndarray | Tensor, videos: Tensor, view: Tensor) -> Tensor:
    """These views of these videos, in full precision."""
    if isinstance(stored, Tensor):
        return stored[videos, view].float()
    return torch.from_numpy(stored[videos.numpy(), view.numpy()]).float()


def load_views(folder: Path) -> Views:
    """The views that :func:`store_views` left.

    Raises:
        ValueError: there are none.
    """
    if not (folder / FACTS).is_file():
        raise ValueError(f'{folder} has no stored views: run "python benchmarks/students/study.py store" first')
    facts = json.loads((folder / FACTS).read_text(encoding='utf-8'))
    more = {'layers': [], 'teacher_layers': []}
    if (folder / MORE_FACTS).is_file():
        more = json.loads((folder / MORE_FACTS).read_text(encoding='utf-8'))
    layers = [*facts['layers'], *more['layers']]

    def array(name: str, mode: str | None = None) -> np.ndarray:
        return np.load(folder / f'{name}.npy', mmap_mode=mode)

    return Views(
        names=facts['names'],
        labels=torch.tensor(facts['labels']),
        classes=facts['classes'],
        groups=torch.tensor(facts['groups']),
        is_test=torch.tensor(facts['is_test']),
        training={layer: array(f'training_{layer}', 'r') for layer in layers},
        evaluation={layer: array(f'evaluation_{layer}', 'r') for layer in layers},
        teacher=torch.from_numpy(array('teacher')).float(),
        teacher_evaluation=torch.from_numpy(array('teacher_evaluation')).float(),
        classifier=(torch.from_numpy(array('classifier_weight')), torch.from_numpy(array('classifier_bias'))),
        teacher_maps={layer: array(f'teacher_{layer}', 'r') for layer in more['teacher_layers']},
    )


def store_views(folder: Path, source: Source, *, weights: str) -> None:
    """Decode all videos and write what :func:`load_views` reads; a stored cache is left as it is."""
    if is_stored(folder / FACTS, 'the views'):
        return
    folder.mkdir(parents=True, exist_ok=True)
    teacher = teacher_of(weights)
    stem = create_feature_extractor(teacher.network, {layer: layer for layer in STEM_LAYERS}).eval()
    files = ArrayFiles(folder, sum(map(len, source.listed())), source.num_views)
    facts = {'names': [], 'labels': [], 'groups': [], 'is_test': []}
    for look in decoded(source):
        for layer, maps in _stem_maps(stem, look.seen).items():
            files.write((f'training_{layer}', f'evaluation_{layer}'), look, maps)
        frames = teacher.view.render(look.shown).transpose(1, 2)
        files.write(('teacher', 'teacher_evaluation'), look, teacher.outputs_of_frames(frames)[FRAME_FEATURES])
        if look.view is None:
            facts['names'].append(look.sample['sample_id'])
            facts['labels'].append(int(look.sample['label']))
            facts['groups'].append(int(GROUP.search(look.sample['sample_id'])[1]))
            facts['is_test'].append(look.is_test)
    files.close()
    save_aside(teacher.network.state_dict(), folder / NETWORK_FILE)
    classifier = teacher.network.classifier[-1]
    np.save(folder / 'classifier_weight.npy', classifier.weight.detach().numpy())
    np.save(folder / 'classifier_bias.npy', classifier.bias.detach().numpy())
    write_aside(folder / FACTS, json.dumps({**facts, 'classes': source.classes(), 'layers': STEM_LAYERS}))


@torch.inference_mode()
def _stem_maps(stem: nn.Module, clips: Tensor) -> dict[str, Tensor]:
    """(M, 3, T, H, W), 0-255 -> layer -> (M, C, T, h, w)."""
    frames = View(size=STUDENT_PIXELS, mean=IMAGENET_MEAN, std=IMAGENET_STD).render(clips).transpose(1, 2)
    images = frames.flatten(0, 1).contiguous(memory_format=torch.channels_last)
    return {name: maps.unflatten(0, frames.shape[:2]).transpose(1, 2) for name, maps in stem(images).items()}


def store_more(folder: Path, source: Source, *, weights: str) -> None:
    """Decode all videos again and add the teacher's inner maps and the student's pixels to the stored views.

    Raises:
        ValueError: the teacher's features are not those that are stored: the views differ.
    """
    if is_stored(folder / MORE_FACTS, 'maps and pixels'):
        return
    views = load_views(folder)
    teacher, view = teacher_of(weights, TEACHER_LAYERS), View(size=STUDENT_PIXELS)
    files = ArrayFiles(folder, len(views.names), views.teacher.shape[1])
    for look in decoded(source):
        files.write((f'training_{PIXELS}', f'evaluation_{PIXELS}'), look, view.render(look.seen).round(), np.uint8)
        if look.view is None:
            continue
        outputs = teacher.outputs_of_frames(teacher.view.render(look.shown).transpose(1, 2))
        stored = views.teacher[look.video, look.view]
        if not torch.allclose(outputs[FRAME_FEATURES][0], stored, atol=1e-2, rtol=1e-2):
            raise ValueError(
                f'{folder}: view {look.view} of {views.names[look.video]} is another one than when the views were '
                'stored: store them again into an empty folder, with --more'
            )
        for layer in TEACHER_LAYERS:
            files.write((f'teacher_{layer}', ''), look, outputs[layer].transpose(1, 2))
    files.close()
    write_aside(folder / MORE_FACTS, json.dumps({'teacher_layers': TEACHER_LAYERS, 'layers': [PIXELS]}))
