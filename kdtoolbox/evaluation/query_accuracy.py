"""Accuracy where the validation set holds gallery videos too."""

from collections.abc import Mapping, Sequence

from mmaction.evaluation import AccMetric

from kdtoolbox.evaluation.samples import label_of, unique_samples
from kdtoolbox.registry import METRICS


@METRICS.register_module()
class QueryAccuracy(AccMetric):
    """mmaction2's accuracy over the query videos: ``acc/top1``, ``acc/top5``, ``acc/mean1`` and ``acc/chance``.

    Samples with the role ``'gallery'`` are there for retrieval and do not count; samples without a role do, each once.
    ``mean1`` is mmaction2's mean class accuracy: the mean over the classes that occur as a label or as a prediction, a
    class without samples that was predicted counting as 0. ``chance`` is 1/K. With fewer than five classes ``top5`` is
    trivially 1.

    Raises:
        ValueError: a sample has no scores or no label, a label is outside the K classes, or there is no query.
    """

    def process(self, data_batch: object, data_samples: Sequence[Mapping]) -> None:
        """Keep scores and label of each query, and a place for every other sample."""
        for sample in data_samples:
            # mmengine merges processes one sample of each in turn and stops at the shortest list (collect_results, as
            # of 0.10.7), so a sample left out here would drop queries of other processes there.
            result = {'role': sample.get('role'), 'sample_id': sample.get('sample_id')}
            if result['role'] != 'gallery':
                result |= {'label': label_of(sample), 'pred': {'item': _scores(sample)}}
            self.results.append(result)

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Accuracy and chance over the queries of all processes."""
        queries = unique_samples([result for result in results if result['role'] != 'gallery'])
        if not queries:
            raise ValueError(f"accuracy: none of {len(results)} samples is a query: set role='query' on the data set "
                             'of test videos')
        num_classes = len(queries[0]['pred']['item'])
        unfit = [query for query in queries if query['label'] >= num_classes]
        if unfit:
            raise ValueError(f'sample {unfit[0]["sample_id"]!r} has the label {unfit[0]["label"]}, but the model gives '
                             f'scores for {num_classes} classes, 0 to {num_classes - 1}: set num_classes of its head')
        accuracy = {name: float(value) for name, value in super().compute_metrics(queries).items()}
        return accuracy | {'chance': 1 / num_classes}


def _scores(sample: Mapping):
    if not sample.get('pred_scores'):
        raise ValueError(f'sample {sample.get("sample_id")!r} has no pred_scores: QueryAccuracy needs a student with a '
                         'classification head for the classes of the data set; without one, use ClipRetrieval')
    scores = sample['pred_scores']['item'].float().cpu()
    if scores.dim() != 1 or not scores.isfinite().all():
        raise ValueError(f'sample {sample.get("sample_id")!r}: pred_scores {tuple(scores.shape)}, expected (K,), all '
                         'finite. If they are not finite, the student has diverged: lower the learning rate')
    return scores.numpy()
