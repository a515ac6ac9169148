"""Extracting one vector for each video of a config."""

from collections.abc import Callable, Mapping

import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.runner import Runner
from torch import Tensor
from torch.utils.data import DataLoader

from kdtoolbox.evaluation.feature_file import UNLABELLED, VideoFeatures
from kdtoolbox.evaluation.metric_samples import decodable, unique_samples
from kdtoolbox.feature_extraction.probe import teacher_answers
from kdtoolbox.taps import FEATURES, LOGITS, pool_to_vector
from kdtoolbox.teachers import FrozenTeacher
from kdtoolbox.terminal import Progress
from kdtoolbox.views import View


def ordered_loader(config: Config, split: str) -> DataLoader:
    """The split's data loader, in order and without dropping the rest.

    Raises:
        ValueError: the config has none.
    """
    loader = config.get(f'{split}_dataloader')
    if loader is None:
        raise ValueError(f'--split {split}: the config has no {split}_dataloader')
    return Runner.build_dataloader(
        {**loader.to_dict(), 'drop_last': False, 'sampler': dict(type='DefaultSampler', shuffle=False, round_up=False)},
        seed=(config.get('randomness') or {}).get('seed') or 0,
    )


@torch.no_grad()
def features_of_videos(
    vectors_of: Callable[[dict], Tensor], loader: DataLoader, *, provenance: Mapping[str, str]
) -> VideoFeatures:
    """One vector of each video that the loader gives.

    Args:
        vectors_of: turns a batch of N videos into (N, C).

    Raises:
        ValueError: a video has no name or several labels, or its vector is not finite.
    """
    results, progress = [], Progress(len(loader), what='batches')
    for data in loader:
        for vector, sample in zip(vectors_of(data).float().cpu(), data['data_samples'], strict=True):
            if sample.get('sample_id') is None:
                raise ValueError(
                    "the pipeline does not pack sample_id: PackActionInputs(meta_keys=('sample_id', 'role'))"
                )
            results.append(
                {
                    'sample_id': sample.sample_id,
                    'role': sample.get('role') or '',
                    'label': _label(sample),
                    'file': sample.get('file'),
                    'features': vector,
                }
            )
        progress.update()
    progress.close()
    # A training video that does not decode is replaced by another, which comes twice then, with another crop.
    results = unique_samples(decodable(results, what='features'))
    return VideoFeatures(
        torch.stack([result['features'] for result in results]),
        torch.tensor([result['label'] for result in results]),
        [result['sample_id'] for result in results],
        [result['role'] for result in results],
        list(getattr(loader.dataset, 'metainfo', {}).get('classes') or ()),
        dict(provenance),
    )


def _label(sample) -> int:
    labels = sample.gt_labels.item.flatten().tolist() if 'gt_labels' in sample else [UNLABELLED]
    if len(labels) != 1:
        raise ValueError(f'sample {sample.sample_id!r} has the labels {labels}: a feature file holds one class a video')
    return int(labels[0])


def teacher_vectors(teacher: FrozenTeacher, clips_of_videos: list[Tensor], path: str) -> Tensor:
    """The output of a teacher's layer for N videos, (N, C): the mean over clips, frames, time and space.

    Args:
        clips_of_videos: N times (M, 3, T, H, W), or (T, 3, H, W) of a 2D student's pipeline.

    Raises:
        ValueError: the channel dimension of the layer's output is unknown.
    """
    device = next(teacher.parameters()).device
    vectors = []
    for clips in clips_of_videos:
        answer = teacher_answers(teacher, clips.to(device))[path]
        if path in (FEATURES, LOGITS):  # of clips or, where the teacher does not pool, of frames of clips
            vectors.append(answer.flatten(0, -2).mean(0))
        elif answer.dim() == 4:
            raise ValueError(
                f'teacher layer {path!r} gives {tuple(answer.shape)}, whose dimensions of frames and channels '
                'are unknown: take features, or a layer that gives vectors or maps (N, C, T, H, W)'
            )
        else:
            vectors.append(pool_to_vector(answer, 1)[0])
    return torch.stack(vectors)


def in_view(view: View, clips: Tensor) -> Tensor:
    """Clips (M, 3, T, H, W), or the frames (T, 3, H, W) of a 2D student, in a view."""
    clips = clips.to(get_device())
    if clips.dim() == 5:
        return view.render(clips)
    return view.render(clips.transpose(0, 1).unsqueeze(0))[0].transpose(0, 1)
