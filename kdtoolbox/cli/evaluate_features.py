"""Retrieval, k-NN and linear probes of a feature file, in seconds."""

import argparse
from collections.abc import Sequence

from mmengine.registry import init_default_scope

from kdtoolbox.cli.arguments.evaluate_features import METRICS_OF_FEATURES
from kdtoolbox.evaluation.feature_file import VideoFeatures, load_features
from kdtoolbox.provenance import origin_of, write_metrics
from kdtoolbox.registry import METRICS
from kdtoolbox.safe_files import check_writable


def run(args: argparse.Namespace) -> int:
    if args.neighbours is not None and 'knn' not in args.eval:
        raise ValueError('--neighbours is for --eval knn, which is not used')
    check_writable(args.out)
    gallery = None if args.gallery_file is None else load_features(args.gallery_file)
    videos = load_features(args.file)
    metrics = evaluate_features(videos, gallery, names=args.eval, num_neighbours=args.neighbours)
    for name, value in metrics.items():
        print(f'{name:28} {value:.4f}')
    if args.out:
        write_metrics(args.out, metrics, _origin(videos))
    return 0


def evaluate_features(
    videos: VideoFeatures,
    gallery: VideoFeatures | None = None,
    *,
    names: Sequence[str] = tuple(METRICS_OF_FEATURES),
    num_neighbours: int | None = None,
) -> dict[str, float]:
    """The metrics that testing the network gives, from its stored features.

    Args:
        videos: with both roles or, where ``gallery`` is given, the queries.
        gallery: of the same network and layer.
        names: some of :data:`METRICS_OF_FEATURES`.
        num_neighbours: of k-NN, instead of the metric's own.

    Raises:
        ValueError: the two do not belong together, or the features do not suffice for a metric.
    """
    init_default_scope('kdtoolbox')
    samples = videos.data_samples()
    if gallery is not None:
        _check_pair(videos, gallery)
        samples = gallery.data_samples('gallery') + videos.data_samples('query')
    metrics: dict[str, float] = {}
    for name in names:
        options = {'num_neighbours': num_neighbours} if name == 'knn' and num_neighbours is not None else {}
        metric = METRICS.build({'type': METRICS_OF_FEATURES[name], **options})
        metric.process(None, samples)
        metrics |= metric.evaluate(len(samples))
    return metrics


def _origin(videos: VideoFeatures) -> dict | None:
    origin = videos.provenance
    if 'weights' not in origin:  # not written by tools/extract_features.py
        return None
    return origin_of(
        origin.get('config'), origin['weights'], **{key: origin[key] for key in ('of', 'layer') if key in origin}
    )


def _check_pair(queries: VideoFeatures, gallery: VideoFeatures) -> None:
    for key in ('of', 'layer', 'weights', 'probe'):
        of_queries, of_gallery = queries.provenance.get(key), gallery.provenance.get(key)
        if of_queries != of_gallery:
            raise ValueError(
                f'the queries come from {key} {of_queries!r} and the gallery from {of_gallery!r}: '
                'distances are between features of one layer of one network'
            )
    if list(queries.classes) != list(gallery.classes):
        raise ValueError(
            f'the queries have {len(queries.classes)} classes and the gallery {len(gallery.classes)}, or '
            'other ones: labels of one cannot be those of the other'
        )
    for what, videos in (('queries', queries), ('gallery', gallery)):
        if {'gallery', 'query'} <= set(videos.roles):
            raise ValueError(f'the file of the {what} holds gallery and query videos both: evaluate it alone')
