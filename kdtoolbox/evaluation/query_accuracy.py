"""Accuracy on a validation set that also holds gallery videos."""

from collections.abc import Mapping, Sequence

from mmaction.evaluation import AccMetric

from kdtoolbox.evaluation.metric_samples import scored_queries, scored_sample, scores_and_labels
from kdtoolbox.evaluation.probabilities import ranked_classes
from kdtoolbox.registry import METRICS


@METRICS.register_module()
class QueryAccuracy(AccMetric):
    """mmaction2's accuracy over the query videos: ``acc/top1``, ``acc/top5``, ``acc/mean1`` and ``acc/chance``.

    Samples with the role ``'gallery'`` are there for retrieval and do not count; samples without a role do, each once.
    ``mean1`` is mmaction2's mean class accuracy: the mean over the classes that occur as a label or as a prediction, a
    class without samples that was predicted counting as 0. ``chance`` is 1/K. With fewer than five classes ``top5`` is
    trivially 1. Of classes with equal scores the one with the lowest number comes first, in all of them.

    Raises:
        ValueError: a sample has no scores or no label, a label is outside the K classes, or there is no query.
    """

    def process(self, data_batch: object, data_samples: Sequence[Mapping]) -> None:
        """Keep scores and label of each query, and a place for every other sample."""
        self.results.extend(scored_sample(sample) for sample in data_samples)

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Accuracy and chance over the queries of all processes."""
        scores, labels = scores_and_labels(scored_queries(results, what='accuracy'), self.dataset_meta)
        # mmaction2's top-k takes the last of equal scores, its mean class accuracy the first: no ranks are equal.
        ranks = ranked_classes(scores).argsort(1).neg()
        accuracy = super().compute_metrics(
            [{'pred': {'item': rank.numpy()}, 'label': label} for rank, label in zip(ranks, labels.tolist())]
        )
        return {name: float(value) for name, value in accuracy.items()} | {'chance': 1 / scores.shape[1]}
