"""What the contest of benchmarks/methods.py is held on: digit videos in memory, and a teacher that only saw stills."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from mmaction.structures import ActionDataSample
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.runner import set_random_seed
from torch import Tensor, nn
from torch.utils.data import Dataset
from torchvision.models.resnet import BasicBlock, conv1x1

from kdtoolbox.datasets.labels import keep_labels
from kdtoolbox.demo.digit_videos import (
    CLASSES,
    FRAME_SIZE,
    MARKS,
    NUM_FRAMES,
    DigitVideos,
    render,
    split_digits,
    stills,
)
from kdtoolbox.evaluation import retrieval_topk
from kdtoolbox.registry import MODELS
from kdtoolbox.safe_files import save_arrays_aside, save_aside
from kdtoolbox.views import View

ROLES = {'training': 'gallery', 'test': 'query'}
TEACHER_BATCH_SIZE = 64


@MODELS.register_module()
class SmallResNet(nn.Module):
    """A ResNet-10 of torchvision's blocks and names, ``layer1`` to ``layer4`` and ``fc``.

    Its maps have the height and width of those of the contest's student, if it sees twice as many pixels.
    """

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 32, 3, stride=2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(32)
        self.layer1, self.layer2 = _layer(32, 32, stride=2), _layer(32, 64, stride=1)
        self.layer3, self.layer4 = _layer(64, 96, stride=2), _layer(96, 128, stride=1)
        self.fc = nn.Linear(128, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(images))), 2)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(x.mean((2, 3)))


def _layer(in_channels: int, out_channels: int, *, stride: int) -> nn.Sequential:
    shortcut = nn.Sequential(conv1x1(in_channels, out_channels, stride), nn.BatchNorm2d(out_channels))
    return nn.Sequential(BasicBlock(in_channels, out_channels, stride, shortcut))


def prepared_videos(folder: Path, videos: DigitVideos) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The demo's videos, rendered but never encoded; written to ``folder`` once.

    Returns:
        ``'training'`` and ``'test'`` -> videos (V, T, H, W, 3), uint8 RGB, and labels (V,).
    """
    out = {}
    for subset, (images, labels) in split_digits(videos.seed).items():
        count = videos.count(subset)
        file = folder / f'{subset}_{count}_a_class_seed{videos.seed}.npz'
        if not file.is_file():
            numbers = [number for label in range(len(CLASSES)) for number in np.flatnonzero(labels == label)[:count]]
            if len(numbers) < count * len(CLASSES):
                raise ValueError(f'{count} {subset} videos of each digit are asked for, but some have fewer images')
            rendered = [
                render(images[number], np.random.default_rng((videos.seed, MARKS[subset], int(number))))
                for number in numbers
            ]
            save_arrays_aside({'videos': np.stack(rendered)[..., ::-1], 'labels': labels[numbers]}, file)
        with np.load(file, allow_pickle=False) as archive:
            out[subset] = archive['videos'], archive['labels']
    return out


def sample_of(subset: str, number: int, label: int) -> ActionDataSample:
    """The data sample of a video, as the pipelines of kdtoolbox pack it."""
    sample = ActionDataSample().set_gt_labels(int(label))
    sample.set_metainfo(dict(sample_id=f'{subset}/{number:04}', role=ROLES[subset]))
    return sample


class TrainingClips(Dataset):
    """All clips that one training sees, in its order: the i-th is the same whatever else draws random numbers.

    The first ``config.labelled_clips`` of every batch have labels, the others have none.

    Args:
        videos: (V, T, H, W, 3), uint8.
        labels: (V,).
        config: of the contest.
        seed: of which videos keep their labels, of the order and of the crops.
    """

    def __init__(self, videos: np.ndarray, labels: np.ndarray, *, config: Config, seed: int) -> None:
        self.videos, self.pixels, self.interval = videos, config.crop_pixels, config.frame_interval
        self.span = (config.num_frames - 1) * config.frame_interval + 1
        samples = [{'sample_id': f'{number:04}', 'label': int(label)} for number, label in enumerate(labels)]
        kept = keep_labels(samples, config.labels_per_class, seed=seed, keep_others=True, classes=CLASSES)
        self.labels = np.array([sample['label'] for sample in kept])
        random = np.random.default_rng(seed)
        batches = [
            _in_random_order(np.flatnonzero(chosen), config.steps * share, random).reshape(config.steps, share)
            for chosen, share in (
                (self.labels >= 0, config.labelled_clips),
                (self.labels < 0, config.batch_size - config.labelled_clips),
            )
        ]
        self.order = np.concatenate(batches, axis=1).flatten()
        self.starts = random.integers(0, NUM_FRAMES - self.span + 1, len(self.order))
        self.corners = random.integers(0, FRAME_SIZE - self.pixels + 1, (len(self.order), 2))

    def __len__(self) -> int:
        return len(self.order)

    def __getitem__(self, index: int) -> dict:
        number, start, (top, left) = self.order[index], self.starts[index], self.corners[index]
        frames = self.videos[number, start : start + self.span : self.interval]
        clip = frames[:, top : top + self.pixels, left : left + self.pixels]
        return dict(inputs=_channels_first(clip[None]), data_samples=sample_of('training', number, self.labels[number]))


class EvaluationClips(Dataset):
    """Two clips, first and last frames, of every video: the gallery's and the queries.

    Args:
        videos: as :func:`prepared_videos` gives them.
        config: of the contest.
        pixels: of the clips, after a central crop of ``config.crop_pixels``.
    """

    def __init__(self, videos: dict[str, tuple[np.ndarray, np.ndarray]], *, config: Config, pixels: int) -> None:
        margin, span = (FRAME_SIZE - config.crop_pixels) // 2, (config.num_frames - 1) * config.frame_interval + 1
        frames = [slice(start, start + span, config.frame_interval) for start in (0, NUM_FRAMES - span)]
        centre = slice(margin, margin + config.crop_pixels)
        self.clips, self.samples = [], []
        for subset, (all_frames, labels) in videos.items():
            for number, (video, label) in enumerate(zip(all_frames, labels)):
                clips = np.stack([video[chosen, centre, centre] for chosen in frames])
                self.clips.append(np.stack([[_by_area(frame, pixels) for frame in clip] for clip in clips]))
                self.samples.append(sample_of(subset, number, label))

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, index: int) -> dict:
        return dict(inputs=_channels_first(self.clips[index]), data_samples=self.samples[index].clone())


def train_teacher(config: Config, out: Path, *, seed: int) -> None:
    """Train the image network of ``config`` on still images of the training digits, each rendered anew every time."""
    set_random_seed(seed)
    images, labels = split_digits(seed)['training']
    random = np.random.default_rng(seed)
    network = MODELS.build(config.model.teacher.model.to_dict()).to(get_device()).train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=3e-3, total_steps=config.teacher_steps)
    view = View(size=config.teacher_pixels, mean=config.mean, std=config.std)
    for _ in range(config.teacher_steps):
        chosen = random.choice(len(images), TEACHER_BATCH_SIZE)
        top, left = random.integers(0, FRAME_SIZE - config.crop_pixels + 1, 2)
        frames = stills(images[chosen], random)[:, top : top + config.crop_pixels, left : left + config.crop_pixels]
        frames = torch.from_numpy(frames).to(get_device()).permute(0, 3, 1, 2).unsqueeze(2)
        loss = F.cross_entropy(
            network(view.render(frames).squeeze(2)), torch.from_numpy(labels[chosen]).to(get_device())
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    save_aside({'state_dict': network.state_dict()}, out)


@torch.no_grad()
def teacher_scores(config: Config, videos: dict[str, tuple[np.ndarray, np.ndarray]]) -> dict[str, float]:
    """Top-1 and retrieval of the teacher on the frames of the test clips."""
    teacher = MODELS.build(config.model.teacher.to_dict()).to(get_device())
    vectors = {}
    for subset, one in videos.items():
        clips = EvaluationClips({subset: one}, config=config, pixels=config.teacher_pixels)
        answers = [
            teacher(teacher.view.render(clips[index]['inputs'].to(get_device())).transpose(1, 2))
            for index in range(len(clips))
        ]
        vectors[subset] = [
            torch.stack([answer[name].mean(0) for answer in answers]).cpu() for name in ('logits', 'features')
        ]
    labels = {subset: torch.from_numpy(one[1]) for subset, one in videos.items()}
    logits, queries = vectors['test']
    return {
        'top1': (logits.argmax(1) == labels['test']).double().mean().item(),
        'retrieval1': retrieval_topk(queries, labels['test'], vectors['training'][1], labels['training'], (1,))[1],
    }


def _in_random_order(numbers: Sequence[int], count: int, random: np.random.Generator) -> np.ndarray:
    """``count`` of the numbers, each as often as the others, give or take one."""
    rounds = [random.permutation(numbers) for _ in range(-(-count // len(numbers)))]
    return np.concatenate(rounds)[:count]


def _channels_first(clips: np.ndarray) -> Tensor:
    """(clips, T, H, W, 3) -> (clips, 3, T, H, W)."""
    return torch.from_numpy(np.ascontiguousarray(clips.transpose(0, 4, 1, 2, 3)))


def _by_area(frame: np.ndarray, pixels: int) -> np.ndarray:
    return cv2.resize(frame, (pixels, pixels), interpolation=cv2.INTER_AREA)
