"""Calibration of the student's probabilities."""

from collections.abc import Mapping, Sequence

import torch
from mmengine.evaluator import BaseMetric
from torch import Tensor

from kdtoolbox.evaluation.metric_samples import scored_queries, scored_sample, scores_and_labels
from kdtoolbox.evaluation.probabilities import checked_average, class_probabilities, log_probabilities
from kdtoolbox.registry import METRICS


def calibration_errors(probabilities: Tensor, labels: Tensor, *, num_bins: int = 15) -> dict[str, float]:
    """Calibration errors of class probabilities.

    - ``ece``: expected calibration error (Guo et al., arXiv:1706.04599, eq. 3): the samples are sorted into bins of
      equal width by the probability of the predicted class, ((m - 1) / M, m / M], and
      ``|accuracy - mean probability|`` is
      averaged over the samples.
    - ``brier``: squared distance of the probabilities to the label's 0 and 1, summed over the classes, mean over the
      samples: 0 to 2.
    - ``nll``: negative logarithm of the label's probability, in nats.

    Args:
        probabilities: (Q, K), each row with the sum 1.
        labels: (Q,).
        num_bins: M.

    >>> errors = calibration_errors(torch.tensor([[0.75, 0.25], [0.75, 0.25]]), torch.tensor([0, 1]))
    >>> errors['ece'], errors['brier']
    (0.25, 0.625)
    """
    probabilities = probabilities.double()
    confidence, predicted = probabilities.max(1)
    is_right = (predicted == labels).double()
    bins = ((confidence * num_bins).ceil().long() - 1).clamp(0, num_bins - 1)
    gaps = confidence.new_zeros(num_bins).index_add_(0, bins, is_right - confidence)
    targets = torch.nn.functional.one_hot(labels, probabilities.shape[1])
    nll = -log_probabilities(probabilities).gather(1, labels[:, None])
    return {
        'ece': (gaps.abs().sum() / len(labels)).item(),
        'brier': (probabilities - targets).square().sum(1).mean().item(),
        'nll': nll.mean().item(),
    }


@METRICS.register_module()
class Calibration(BaseMetric):
    """Calibration of the student's probabilities on the queries: ``ece``, ``brier`` and ``nll``.

    See :func:`calibration_errors`.

    Args:
        average_clips: of the student's head, ``'prob'`` or ``'score'``; scores are logits with the latter and are
            turned into probabilities. The commands of kdtoolbox fill it in.
        num_bins: of the expected calibration error.
        collect_device: where results of several processes meet, ``'cpu'`` or ``'gpu'``.
        prefix: of the keys, instead of ``calibration``.

    Raises:
        ValueError: there is no bin, ``average_clips`` is not told or not what the scores are, a sample has no scores or
            no label, a label is outside the K classes, or there is no query.
    """

    default_prefix = 'calibration'

    def __init__(
        self,
        *,
        average_clips: str | None = None,
        num_bins: int = 15,
        collect_device: str = 'cpu',
        prefix: str | None = None,
    ) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
        self.average_clips = checked_average(average_clips, metric='Calibration')
        if num_bins < 1:
            raise ValueError(f'Calibration(num_bins={num_bins}): expected 1 or more')
        self.num_bins = num_bins

    def process(self, data_batch: object, data_samples: Sequence[Mapping]) -> None:
        """Store scores and label of each query, and an empty entry for every other sample."""
        self.results.extend(scored_sample(sample) for sample in data_samples)

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """The errors over the queries of all processes."""
        scores, labels = scores_and_labels(scored_queries(results, what='calibration'), self.dataset_meta)
        probabilities = class_probabilities(scores, average_clips=self.average_clips)
        return calibration_errors(probabilities, labels, num_bins=self.num_bins)
