"""Which test videos a student and its teacher get right, from the record of a test."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from kdtoolbox.evaluation.clip_retrieval import chance_topk
from kdtoolbox.evaluation.nearest import first_hit_ranks, nearest_neighbours
from kdtoolbox.evaluation.video_record import UNLABELLED, VideoRecord
from kdtoolbox.reporting.runs.run import Run

ACCURACY, TOP5, RETRIEVAL1, RETRIEVAL5 = 'top-1 accuracy', 'top-5 accuracy', 'retrieval top-1', 'retrieval top-5'
MIN_CLASSES_FOR_TOP5 = 20  # with fewer, guessing is right too often
STUDENT, TEACHER = 'student', 'teacher'


@dataclass(frozen=True)
class Outcomes:
    """What one network gets right.

    Args:
        query_ids: (Q,) names of the test videos.
        right: name of a measure -> (Q,) whether each video is right by it.
        chances: name of a measure -> its value for guessing.
    """

    query_ids: list[str]
    right: Mapping[str, np.ndarray]
    chances: Mapping[str, float]


def outcomes_of(run: Run, network: str = STUDENT) -> Outcomes | None:
    """Of the student or the teacher of a run; None if nothing was measured or there are no labels."""
    record = run.record
    if record is None or not has_labels(record):
        return None
    is_student = network == STUDENT
    features = record.features if is_student else record.teacher_features
    probabilities = usable_probabilities(run, network)
    right: dict[str, np.ndarray] = {}
    chances: dict[str, float] = {}
    if probabilities is not None:
        order = (-probabilities).argsort(1, kind='stable')
        hits = order == record.query_labels[:, None]
        right[ACCURACY], chances[ACCURACY] = hits[:, 0], 1 / probabilities.shape[1]
        if probabilities.shape[1] >= MIN_CLASSES_FOR_TOP5:
            right[TOP5], chances[TOP5] = hits[:, :5].any(1), 5 / probabilities.shape[1]
    if len(features) and can_be_searched(record, features):
        ranks = first_hit_ranks(*_tensors(record, features)).numpy()
        num_gallery = int((~record.is_query).sum())
        queried, searched = (torch.from_numpy(record.labels[mask]) for mask in (record.is_query, ~record.is_query))
        by_chance = chance_topk(queried, searched, (1, 5))
        for name, k in ((RETRIEVAL1, 1), (RETRIEVAL5, 5)):
            right[name], chances[name] = (ranks < k) & (ranks < num_gallery), by_chance[k]
    return Outcomes(record.query_ids, right, chances) if right else None


def has_labels(record: VideoRecord) -> bool:
    """Whether all test videos, of which there are some, have a label."""
    return bool(len(record.query_labels)) and bool((record.query_labels != UNLABELLED).all())


def usable_probabilities(run: Run, network: str = STUDENT) -> np.ndarray | None:
    """(Q, K) probabilities of the data set's classes; None where a network has none, or was not trained to give any."""
    record = run.record
    if record is None or not len(record.classes):
        return None
    probabilities = record.probabilities if network == STUDENT else record.teacher_probabilities
    if not len(probabilities) or probabilities.shape[1] != len(record.classes):
        return None
    return None if network == STUDENT and not run.trains_its_head else probabilities


def can_be_searched(record: VideoRecord, features: np.ndarray) -> bool:
    """Whether there are queries and a gallery, and all features have a direction."""
    has_both = bool(record.is_query.any()) and bool((~record.is_query).any())
    return has_both and bool(features.any(1).all())


def neighbours_of(record: VideoRecord, num_neighbours: int) -> tuple[np.ndarray, np.ndarray]:
    """Cosines (Q, n) and places in the record (Q, n) of the nearest gallery videos by the student's features."""
    queries, _, gallery, _ = _tensors(record, record.features)
    cosines, places = nearest_neighbours(queries, gallery, min(num_neighbours, len(gallery)))
    return cosines.numpy(), np.flatnonzero(~record.is_query)[places.numpy()]


def ranks_of(record: VideoRecord) -> np.ndarray:
    """(Q,) the number of gallery videos before the first of the query's class, by the student's features."""
    return first_hit_ranks(*_tensors(record, record.features)).numpy()


def calibration_error(confidence: np.ndarray, is_right: np.ndarray, *, num_bins: int = 15) -> float:
    """The expected calibration error, see :func:`kdtoolbox.evaluation.calibration_errors`."""
    bins = np.clip(np.ceil(confidence * num_bins).astype(int) - 1, 0, num_bins - 1)
    gaps = np.bincount(bins, weights=is_right - confidence, minlength=num_bins)
    return float(np.abs(gaps).sum() / len(confidence))


def _tensors(record: VideoRecord, features: np.ndarray) -> tuple[torch.Tensor, ...]:
    return tuple(
        torch.from_numpy(np.ascontiguousarray(part))
        for mask in (record.is_query, ~record.is_query)
        for part in (features[mask], record.labels[mask])
    )
