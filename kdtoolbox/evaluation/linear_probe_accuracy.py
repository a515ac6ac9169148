"""Accuracy of a linear probe on frozen features."""

from collections.abc import Mapping, Sequence

from mmengine.device import get_device
from mmengine.evaluator import BaseMetric
from torch import Tensor

from kdtoolbox.evaluation.linear_probe import choose_l2, fit_linear_probe
from kdtoolbox.evaluation.metric_samples import featured_sample, gallery_and_queries
from kdtoolbox.evaluation.probabilities import ranked_classes
from kdtoolbox.registry import METRICS


def linear_probe_accuracy(
    queries: Tensor, query_labels: Tensor, gallery: Tensor, gallery_labels: Tensor
) -> dict[str, float]:
    """``top1`` and ``top5`` of the queries by a linear classifier fitted on the gallery, and its ``l2``.

    The strength of the penalty is chosen by cross-validation inside the gallery, without the queries. A query whose
    class is not in the gallery counts as wrong. With five classes or fewer ``top5`` is always 1 for the others.

    Args:
        queries: (Q, C).
        query_labels: (Q,).
        gallery: (G, C).
        gallery_labels: (G,).

    Raises:
        ValueError: see :func:`fit_linear_probe`.

    >>> import torch
    >>> gallery, labels = torch.tensor([[0.], [1.], [8.], [9.]]), torch.tensor([3, 3, 7, 7])
    >>> linear_probe_accuracy(torch.tensor([[2.], [7.]]), torch.tensor([3, 7]), gallery, labels)['top1']
    1.0
    """
    classes, class_of = gallery_labels.unique(return_inverse=True)
    l2 = choose_l2(gallery, class_of, num_classes=len(classes))
    weight, bias = fit_linear_probe(gallery.double(), class_of, num_classes=len(classes), l2=l2)
    ranked = classes[ranked_classes(queries.double() @ weight.T + bias)[:, :5]]
    hits = ranked == query_labels[:, None]
    return {'top1': hits[:, 0].double().mean().item(), 'top5': hits.any(1).double().mean().item(), 'l2': l2}


@METRICS.register_module()
class LinearProbeAccuracy(BaseMetric):
    """Accuracy of the queries by a linear classifier fitted on the gallery's features, see
    :func:`linear_probe_accuracy`.

    Reads what :class:`ClipRetrieval` reads. Keys: ``top1``, ``top5``, ``l2`` and ``chance``, 1 / K with the K classes
    of the gallery. A GPU is used if there is one.

    Raises:
        ValueError: a sample lacks its features, role or label, a role is missing, or the gallery is too small to choose
            the strength of the penalty by: fewer than two classes with two videos each.
    """

    default_prefix = 'linear'

    def process(self, data_batch: object, data_samples: Sequence[Mapping]) -> None:
        """Keep the vector, label and role of each sample."""
        self.results.extend(featured_sample(sample) for sample in data_samples)

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Accuracy and chance, for all samples of all processes."""
        tensors = [tensor.to(get_device()) for tensor in gallery_and_queries(results, what='linear probe')]
        num_classes = len(tensors[3].unique())
        return linear_probe_accuracy(*tensors) | {'chance': 1 / num_classes}
