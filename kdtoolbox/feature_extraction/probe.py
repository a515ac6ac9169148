"""Fitting a linear probe on the frozen features of an image teacher, for the classes of a data set."""

from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from torch import Tensor
from torch.utils.data import DataLoader

from kdtoolbox.config_files.overriding import seed_datasets
from kdtoolbox.datasets.clip_dataset import UNLABELLED
from kdtoolbox.engine.dataset_epoch import datasets_in
from kdtoolbox.evaluation import fit_linear_probe
from kdtoolbox.registry import MODELS
from kdtoolbox.taps import FEATURES
from kdtoolbox.teachers import FrozenTeacher, ImageTeacher, save_probe
from kdtoolbox.terminal import Progress


def fit_probe(config: Config, out: str | Path, *, passes: int = 4) -> float:
    """Fit a probe on the config's labelled training videos, in the teacher's own view, and write it.

    With ``labels_per_class`` these are the videos whose labels a training with the same seed has, and no others.

    Args:
        config: has one ImageTeacher and a training set; videos labelled -1 are left out.
        passes: over the training set, each with other crops and moments.

    Returns:
        Accuracy on the views that it was fitted on.

    Raises:
        ValueError: the teacher is not one ImageTeacher, a class has no video, or ``passes`` is below 1.
    """
    if passes < 1:
        raise ValueError(f'passes={passes}: expected 1 or more')
    init_default_scope(config.get('default_scope', 'kdtoolbox'))
    teacher_config = {key: value for key, value in (config.model.get('teacher') or {}).items() if key != 'probe'}
    teacher = MODELS.build(teacher_config).to(get_device()) if 'type' in teacher_config else None
    if not isinstance(teacher, ImageTeacher):
        raise ValueError(
            f'a probe is fitted on the features of one ImageTeacher, but model.teacher is '
            f'{teacher_config.get("type") or sorted(teacher_config)}'
        )
    seed_datasets(config)  # as training does: the seed chooses the labels
    loader = Runner.build_dataloader(_probe_loader(config), seed=(config.get('randomness') or {}).get('seed') or 0)
    classes = list(loader.dataset.metainfo['classes'])
    features, labels, sample_ids = video_features(teacher, loader, passes=passes)
    if not len(labels):
        raise ValueError('none of the training videos has a label to fit a probe on')
    MMLogger.get_current_instance().info(f'fitting a probe on {len(labels)} views of {len(set(sample_ids))} videos')
    weight, bias = fit_linear_probe(features, labels, num_classes=len(classes), groups=sample_ids)
    save_probe(out, network=teacher.network, weight=weight, bias=bias, classes=classes)
    return ((features @ weight.T + bias).argmax(1) == labels).float().mean().item()


def video_features(teacher: ImageTeacher, loader: DataLoader, *, passes: int = 1) -> tuple[Tensor, Tensor, list[str]]:
    """The teacher's features of labelled videos, averaged over the frames and the clips of each.

    Returns:
        features (V, C) float64 on the CPU, labels (V,), and V sample ids; each video once a pass.
    """
    device = next(teacher.parameters()).device
    features, labels, sample_ids = [], [], []
    progress = Progress(passes * len(loader), what='batches')
    for epoch in range(passes):
        for dataset in datasets_in(loader.dataset):
            if hasattr(dataset, 'set_epoch'):
                dataset.set_epoch(epoch)
        for data in loader:
            for clips, sample in zip(data['inputs'], data['data_samples']):
                label = int(sample.gt_labels.item)
                if label == UNLABELLED:
                    continue
                if 'sample_id' not in sample:
                    raise ValueError("the pipeline does not pack sample_id: PackActionInputs(meta_keys=('sample_id',))")
                answer = teacher_answers(teacher, clips.to(device))[FEATURES]
                features.append(answer.flatten(0, -2).mean(0).double().cpu())
                labels.append(label)
                sample_ids.append(sample.sample_id)
            progress.update()
    progress.close()
    if not features:
        return torch.zeros(0, 0), torch.zeros(0, dtype=torch.long), []
    return torch.stack(features), torch.tensor(labels), sample_ids


def teacher_answers(teacher: FrozenTeacher, clips: Tensor) -> dict[str, Tensor]:
    """The teacher's outputs for the clips of one video, in the teacher's own view.

    Args:
        clips: (M, 3, T, H, W), or (T, 3, H, W) of a 2D student's pipeline; 0-255.

    Returns:
        As :meth:`FrozenTeacher.forward`, with M clips for N.
    """
    clips = clips if clips.dim() == 5 else clips.transpose(0, 1).unsqueeze(0)
    return teacher(teacher.view.render(clips).transpose(1, 2))


def _probe_loader(config: Config) -> dict:
    """The training loader, in order and without dropping the rest."""
    loader = config.train_dataloader.to_dict()
    return {**loader, 'drop_last': False, 'sampler': dict(type='DefaultSampler', shuffle=False, round_up=False)}
