"""Reading data samples for metrics: label, role, features, scores, without repeated samples."""

from collections.abc import Mapping, Sequence

import torch
from mmengine.logging import MMLogger
from torch import Tensor

ROLES = ('gallery', 'query')
UNDECODABLE = 'undecodable'  # the role that data sets give a test video that does not decode


def label_of(sample: Mapping) -> int:
    """The class of a data sample with one label.

    Raises:
        ValueError: it has no label, several, or -1, which stands for unlabelled.
    """
    name = sample.get('sample_id')
    labels = sample['gt_labels']['item'].flatten().tolist() if sample.get('gt_labels') else []
    if len(labels) != 1 or labels[0] < 0:
        raise ValueError(
            f'sample {name!r} has the labels {labels}, expected one class from 0 on: validate on labelled '
            'videos; -1 marks unlabelled ones, which can be trained on but not scored'
        )
    return int(labels[0])


def unique_samples(results: Sequence[dict]) -> list[dict]:
    """The results in order, each ``(sample_id, role)`` once: distributed samplers repeat samples to fill up.

    Videos of one name in different files, as where two data sets have the same folders, are different samples. Results
    without a ``sample_id`` are all kept.

    Raises:
        ValueError: one name stands for samples of different labels or, where the file is not known, of different
            features or scores.

    >>> unique_samples([{'sample_id': 'a', 'label': 1}, {'sample_id': 'a', 'label': 1}])
    [{'sample_id': 'a', 'label': 1}]
    """
    known, unique = {}, []
    for result in results:
        key = (result.get('sample_id'), result.get('role'), result.get('file'))
        if key[0] is None:
            unique.append(result)
        elif key not in known:
            known[key] = result
            unique.append(result)
        elif known[key]['label'] != result['label']:
            raise ValueError(
                f'sample_id {key[0]!r} stands for samples labelled {known[key]["label"]} and '
                f'{result["label"]}: give each video a name of its own, such as its path in the data set'
            )
        elif key[2] is None and not _alike(known[key], result):
            raise ValueError(
                f'sample_id {key[0]!r} stands for several samples, whose features or scores differ: give '
                'each video a name of its own, such as its path in the data set'
            )
    return unique


def _alike(one: Mapping, other: Mapping) -> bool:
    """Whether two results may be of one video: in half precision the rest of the batch makes a small difference."""
    return all(
        torch.allclose(one[key], other[key], rtol=0, atol=0.05 * float(one[key].abs().max()))
        for key in ('features', 'scores')
        if key in one
    )


def decodable(results: Sequence[dict], *, what: str) -> list[dict]:
    """The results without those of videos that do not decode, which are counted and named in a warning.

    Args:
        what: is measured, in the warning.
    """
    bad = sorted({result['sample_id'] for result in results if result['role'] == UNDECODABLE})
    if bad:
        MMLogger.get_current_instance().warning(
            f'{what}: {len(bad)} videos do not decode and are left out, among them {", ".join(bad[:3])}'
        )
    return [result for result in results if result['role'] != UNDECODABLE]


def featured_sample(sample: Mapping) -> dict:
    """``sample_id``, ``role``, ``file`` and, if it decodes, ``label`` and ``features`` (C,) of a data sample.

    Raises:
        ValueError: it has no name, role or label, or its features have no direction.
    """
    name = sample.get('sample_id')
    if name is None or sample.get('role') not in (*ROLES, UNDECODABLE):
        raise ValueError(
            f'sample {name!r}: sample_id is {name!r} and role {sample.get("role")!r}, expected a '
            "name and 'gallery' or 'query': set role='gallery' on the data set of training "
            "videos, role='query' on that of test videos, and pack both keys as metainfo"
        )
    result = {'role': sample['role'], 'sample_id': name, 'file': sample.get('file')}
    return (
        result
        if result['role'] == UNDECODABLE
        else {**result, 'label': label_of(sample), 'features': _features(sample)}
    )


def gallery_and_queries(results: Sequence[dict], *, what: str) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Vectors (Q, C) and labels (Q,) of the queries, then those of the gallery, each sample once.

    Args:
        results: of :func:`featured_sample`.
        what: is measured, in messages.

    Raises:
        ValueError: there is no query or no gallery sample.
    """
    results = unique_samples(decodable(results, what=what))
    queries, gallery = ([result for result in results if result['role'] == role] for role in ('query', 'gallery'))
    if not queries or not gallery:
        raise ValueError(
            f'{what} over {len(gallery)} gallery and {len(queries)} query videos: both are needed. '
            "Validate on a ConcatDataset of the training videos with role='gallery' and the test "
            "videos with role='query'"
        )
    logger = MMLogger.get_current_instance()
    logger.info(f'{what}: {len(queries)} query videos in {len(gallery)} gallery videos')
    known = {(result['sample_id'], result['file']) for result in gallery}
    shared = [result['sample_id'] for result in queries if (result['sample_id'], result['file']) in known]
    if shared:
        logger.warning(
            f'{what}: {len(shared)} videos are both query and gallery, such as {min(shared)!r}, and '
            'find themselves; the result is not valid for other videos'
        )
    _warn_of_unseen_classes(queries, gallery, what=what)
    return *_features_and_labels(queries), *_features_and_labels(gallery)


def _features_and_labels(results: Sequence[dict]) -> tuple[Tensor, Tensor]:
    return torch.stack([result['features'] for result in results]), torch.tensor([one['label'] for one in results])


def _warn_of_unseen_classes(queries: Sequence[dict], gallery: Sequence[dict], *, what: str) -> None:
    unseen = {result['label'] for result in queries} - {result['label'] for result in gallery}
    lost = [result['sample_id'] for result in queries if result['label'] in unseen]
    if lost:
        MMLogger.get_current_instance().warning(
            f'{what}: the gallery has no video of {len(unseen)} classes, number {sorted(unseen)[:5]}; all their '
            f'{len(lost)} queries, such as {lost[0]!r}, count as wrong'
        )


def scored_sample(sample: Mapping) -> dict:
    """``sample_id``, ``role`` and ``file`` of a data sample and, if it is to be scored, ``label`` and ``scores`` (K,).

    Those of the gallery are not, nor those that do not decode.

    mmengine merges processes one sample of each in turn and stops at the shortest list (collect_results, as of 0.10.7),
    so a gallery sample that was left out would drop queries of other processes there.

    Raises:
        ValueError: a sample that is to be scored has no label, or no finite scores.
    """
    result = {'role': sample.get('role'), 'sample_id': sample.get('sample_id'), 'file': sample.get('file')}
    if result['role'] in ('gallery', UNDECODABLE):
        return result
    return {**result, 'label': label_of(sample), 'scores': _scores(sample)}


def scored_queries(results: Sequence[dict], *, what: str) -> list[dict]:
    """The samples that are not of the gallery, each once.

    Args:
        results: of :func:`scored_sample`.
        what: is measured, in messages.

    Raises:
        ValueError: there is none.
    """
    queries = unique_samples([result for result in decodable(results, what=what) if result['role'] != 'gallery'])
    if not queries:
        raise ValueError(
            f"{what}: none of {len(results)} samples is a query: set role='query' on the data set of test videos"
        )
    return queries


def scores_and_labels(queries: Sequence[dict], dataset_meta: Mapping | None = None) -> tuple[Tensor, Tensor]:
    """Scores (Q, K) and labels (Q,) of :func:`scored_queries`.

    Args:
        dataset_meta: of the metric; its ``classes``, where it has any, are what the scores are to be of.

    Raises:
        ValueError: the scores are of other classes than the data set's, or a label is outside them.
    """
    num_classes = len(queries[0]['scores'])
    classes = (dataset_meta or {}).get('classes')
    if classes and len(classes) != num_classes:
        raise ValueError(
            f'the student has {num_classes} classes, the data set {len(classes)} ({classes[0]} … '
            f'{classes[-1]}), so its scores say nothing of these labels. Retrieval, knn and linear compare '
            "features and need no classes; fine-tuning gives the student the data set's"
        )
    for query in queries:
        if query['label'] >= num_classes:
            raise ValueError(
                f'sample {query["sample_id"]!r} has the label {query["label"]}, but the model gives '
                f'scores for {num_classes} classes, 0 to {num_classes - 1}: set num_classes of its head'
            )
    return torch.stack([query['scores'] for query in queries]), torch.tensor([query['label'] for query in queries])


def _scores(sample: Mapping) -> Tensor:
    name = sample.get('sample_id')
    if not sample.get('pred_scores'):
        raise ValueError(
            f'sample {name!r} has no pred_scores: this metric needs a student with a classification head; '
            'without one, use ClipRetrieval or others of features'
        )
    scores = sample['pred_scores']['item'].detach().float().cpu()
    if scores.dim() != 1 or not scores.isfinite().all():
        raise ValueError(
            f'sample {name!r}: pred_scores {tuple(scores.shape)}, expected (K,), all finite. If they are '
            'not finite, the student has diverged: lower the learning rate; if they are not averaged over '
            "the clips, set average_clips='prob' on its head"
        )
    return scores


def _features(sample: Mapping) -> Tensor:
    features = sample.get('clip_features')
    if features is None:
        raise ValueError(
            f'sample {sample["sample_id"]!r} has no clip_features: metrics of features need a model that '
            'adds them to its predictions, as the distiller does; a plain recognizer does not'
        )
    features = features.detach().cpu()
    if features.dim() != 1:
        raise ValueError(
            f'sample {sample["sample_id"]!r}: clip_features {tuple(features.shape)}, expected (C,), the '
            'mean over the clips of the video'
        )
    if not features.isfinite().all() or not features.any():
        state = 'are all zero' if features.isfinite().all() else 'are not finite'
        raise ValueError(
            f'sample {sample["sample_id"]!r}: clip_features {state}, so they have no direction to '
            'compare. The student has diverged or died: lower the learning rate or clip gradients'
        )
    return features
