"""Recording what a student and its teacher give for each test video."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from mmengine.model import BaseModel
from torch import Tensor
from torch.utils.data import DataLoader

from kdtoolbox.config_files.student_size import scaled_pipeline
from kdtoolbox.evaluation.metric_samples import decodable, unique_samples
from kdtoolbox.evaluation.probabilities import average_over_clips, class_probabilities
from kdtoolbox.evaluation.video_record import GALLERY, NOT_MEASURED, UNLABELLED, VideoRecord
from kdtoolbox.feature_extraction.probe import teacher_answers
from kdtoolbox.taps import FEATURES, LOGITS
from kdtoolbox.teachers import FrozenTeacher
from kdtoolbox.terminal import Progress


def record_student(
    model: BaseModel, loader: DataLoader, *, average_clips: str, provenance: Mapping[str, str]
) -> VideoRecord:
    """Features and class probabilities of the student for each video of the loader, as in testing.

    Args:
        model: a distiller, whose predictions have ``clip_features``.
        average_clips: of the student's head, ``'prob'`` or ``'score'``.

    Raises:
        ValueError: a video has no name, or features or scores are not finite.
    """

    def predictions(data: Mapping) -> list[dict[str, Tensor]]:
        return [
            {'features': one.clip_features.float().cpu(), 'scores': one.pred_scores.item.float().cpu()}
            for one in model.test_step(data)
        ]

    results = _checked([{**sample, **outputs} for sample, outputs in _over_samples(loader, predictions)])
    queries = [result['scores'] for result in results if result['role'] != GALLERY]
    scores = torch.stack(queries) if queries else torch.zeros(0, 1)
    return VideoRecord(
        **_texts(results),
        labels=np.array([result['label'] for result in results], np.int64),
        classes=np.array(list(_classes(loader)), str),
        features=_array([result['features'] for result in results]),
        probabilities=class_probabilities(scores, average_clips=average_clips).float().numpy(),
        provenance=dict(provenance),
    )


def record_teacher(
    teacher: FrozenTeacher, loader: DataLoader, record: VideoRecord, *, average_clips: str
) -> dict[str, np.ndarray]:
    """The teacher's features and, where it has logits, class probabilities of the videos of ``record``, in their order.

    Each is the mean over the clips and crops of the video, seen in the teacher's view.

    Returns:
        ``teacher_features`` (V, C') and, of a teacher with logits, ``teacher_probabilities`` (Q, K').
    """
    device = next(teacher.parameters()).device
    found: dict[tuple[str, str], list[dict[str, Tensor]]] = defaultdict(list)  # of two data sets, videos of one name

    def answers(data: Mapping) -> list[dict[str, Tensor]]:
        return [teacher_answers(teacher, clips.to(device)) for clips in data['inputs']]

    for sample, outputs in _over_samples(loader, answers):
        entry = {FEATURES: outputs[FEATURES].flatten(0, -2).mean(0).cpu()}
        if LOGITS in outputs:
            logits = outputs[LOGITS].double().cpu()
            entry[LOGITS] = average_over_clips(
                logits.mean(1) if logits.dim() == 3 else logits, average_clips=average_clips
            )
        found[sample['sample_id'], sample['role']].append(entry)
    recorded = Counter(zip(record.sample_ids.tolist(), record.roles.tolist()))
    if any(len(found[key]) != number for key, number in recorded.items()):  # a video that did not decode this time
        return {'teacher_features': NOT_MEASURED, 'teacher_probabilities': NOT_MEASURED}
    in_order = [found[key].pop(0) for key in zip(record.sample_ids.tolist(), record.roles.tolist())]
    queries = [entry for entry, is_query in zip(in_order, record.is_query) if is_query]
    return {
        'teacher_features': _array([entry[FEATURES] for entry in in_order]),
        'teacher_probabilities': _array([entry[LOGITS] for entry in queries])
        if queries and LOGITS in queries[0]
        else NOT_MEASURED,
    }


def teacher_sized(loader: Mapping, *, student_size: Sequence[int], teacher_size: Sequence[int]) -> dict:
    """A test loader's config whose clips show the same part of the picture at the teacher's size.

    >>> pipeline = [dict(type='Resize', scale=(-1, 64)), dict(type='CenterCrop', crop_size=56)]
    >>> loader = teacher_sized({'dataset': {'pipeline': pipeline}}, student_size=(56, 56), teacher_size=(112, 112))
    >>> loader['dataset']['pipeline'][1]
    {'type': 'CenterCrop', 'crop_size': 112}
    """
    ratios = (teacher_size[0] / student_size[0], teacher_size[1] / student_size[1])

    def scaled(value):
        if isinstance(value, Mapping):
            return {
                key: scaled_pipeline(item, ratios) if key == 'pipeline' else scaled(item) for key, item in value.items()
            }
        return [scaled(item) for item in value] if isinstance(value, list) else value

    return scaled(loader)


@torch.no_grad()
def _over_samples(loader: DataLoader, outputs_of: Callable[[Mapping], Sequence[dict]]):
    """(name, role, label and file, outputs) of each video that the loader gives."""
    progress = Progress(len(loader), what='batches')
    for data in loader:
        samples = [_facts(sample) for sample in data['data_samples']]
        yield from zip(samples, outputs_of(data), strict=True)
        progress.update()
    progress.close()


def _facts(sample) -> dict:
    if sample.get('sample_id') is None:
        raise ValueError("the pipeline does not pack sample_id: PackActionInputs(meta_keys=('sample_id', 'role'))")
    labels = sample.gt_labels.item.flatten().tolist() if 'gt_labels' in sample else [UNLABELLED]
    label = int(labels[0]) if len(labels) == 1 else UNLABELLED  # of several labels none is the one
    return {
        'sample_id': sample.sample_id,
        'role': sample.get('role') or '',
        'label': label,
        'file': sample.get('file'),
    }


def _checked(results: Sequence[dict]) -> list[dict]:
    results = unique_samples(decodable(results, what='the record'))
    for name in ('features', 'scores'):
        unfit = [result['sample_id'] for result in results if not result[name].isfinite().all()]
        if unfit:
            raise ValueError(f'the {name} of {len(unfit)} videos are not finite, such as {unfit[0]!r}: it has diverged')
    return results


def _texts(results: Sequence[dict]) -> dict[str, np.ndarray]:
    names = {'sample_ids': 'sample_id', 'roles': 'role', 'files': 'file'}
    return {name: np.array([str(result[key] or '') for result in results], str) for name, key in names.items()}


def _array(rows: Sequence[Tensor]) -> np.ndarray:
    return torch.stack(list(rows)).float().numpy() if rows else NOT_MEASURED


def _classes(loader: DataLoader) -> Sequence[str]:
    return (getattr(loader.dataset, 'metainfo', None) or {}).get('classes') or ()
