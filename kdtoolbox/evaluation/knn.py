"""k-nearest-neighbour classification of frozen features."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from mmengine.evaluator import BaseMetric
from mmengine.logging import MMLogger
from torch import Tensor

from kdtoolbox.evaluation.faiss_search import nearest_by_faiss
from kdtoolbox.evaluation.metric_samples import featured_sample, gallery_and_queries
from kdtoolbox.evaluation.nearest import nearest_neighbours
from kdtoolbox.registry import METRICS


def knn_labels(
    queries: Tensor,
    gallery: Tensor,
    gallery_labels: Tensor,
    *,
    num_neighbours: int = 200,
    temperature: float | None = 0.07,
    search: str = 'exact',
) -> Tensor:
    """The class with the most votes of the nearest gallery vectors, for each query.

    A neighbour of cosine s has exp(s / temperature) votes, as in Wu et al., arXiv:1805.01978, section 3.4; without a
    temperature it has one. Of classes with equally many votes the one of the nearest neighbour wins.

    Args:
        queries: (Q, C).
        gallery: (G, C).
        gallery_labels: (G,).
        num_neighbours: number of voting neighbours, 1 to G.
        temperature: None for unweighted votes.
        search: 'exact', or 'faiss' for galleries of millions, which may miss neighbours, see :func:`nearest_by_faiss`.

    Returns:
        (Q,).

    Raises:
        ValueError: see :func:`nearest_neighbours`.

    >>> gallery, labels = torch.tensor([[1., 0.], [1., 1.], [1., 1.]]), torch.tensor([4, 2, 2])
    >>> query = torch.tensor([[2., 0.]])
    >>> knn_labels(query, gallery, labels, num_neighbours=3), knn_labels(query, gallery, labels, num_neighbours=3,
    ...                                                                  temperature=None)
    (tensor([4]), tensor([2]))
    """
    find = nearest_by_faiss if search == 'faiss' else nearest_neighbours
    cosines, positions = (found.to(gallery_labels.device) for found in find(queries, gallery, num_neighbours))
    classes, class_of = gallery_labels.unique(return_inverse=True)
    neighbours = class_of[positions]
    # A common factor changes no comparison: that of the nearest keeps exp() in range at any temperature.
    votes = torch.ones_like(cosines) if temperature is None else ((cosines - cosines[:, :1]) / temperature).exp()
    totals = votes.new_zeros(len(queries), len(classes)).scatter_add_(1, neighbours, votes)
    first_of_most = totals.gather(1, neighbours).argmax(1, keepdim=True)  # argmax gives the first of equals
    return classes[neighbours.gather(1, first_of_most)[:, 0]]


def knn_accuracy(
    queries: Tensor,
    query_labels: Tensor,
    gallery: Tensor,
    gallery_labels: Tensor,
    *,
    num_neighbours: int = 200,
    temperature: float = 0.07,
    search: str = 'exact',
) -> dict[str, float]:
    """Share of queries whose neighbours vote for their class: ``top1`` by weighted votes, ``top1_unweighted``.

    If ``num_neighbours`` is larger than the gallery, all of it votes, with a warning. Other arguments and errors as in
    :func:`knn_labels`, with query_labels (Q,).
    """
    if num_neighbours > len(gallery):
        MMLogger.get_current_instance().warning(
            f'k-NN: {num_neighbours} neighbours are asked for, all {len(gallery)} gallery videos vote'
        )
    options: dict[str, Any] = {'num_neighbours': min(num_neighbours, len(gallery)), 'search': search}
    return {
        name: (knn_labels(queries, gallery, gallery_labels, temperature=tau, **options) == query_labels)
        .double()
        .mean()
        .item()
        for name, tau in (('top1', temperature), ('top1_unweighted', None))
    }


@METRICS.register_module()
class KNNAccuracy(BaseMetric):
    """Accuracy of the queries when their nearest gallery videos vote for their class, see :func:`knn_accuracy`.

    Reads what :class:`ClipRetrieval` reads. Keys: ``top1`` (weighted votes), ``top1_unweighted``, and ``chance``, 1 / K
    with the K classes of the gallery.

    Args:
        num_neighbours: number of voting neighbours; all gallery videos if there are fewer.
        temperature: of the weighted votes.
        search: 'exact', or 'faiss' for galleries of millions, see :func:`knn_labels`.
        collect_device: where results of several processes meet, ``'cpu'`` or ``'gpu'``.
        prefix: of the keys, instead of ``knn``.

    Raises:
        ValueError: an option is not above 0; a sample lacks its features, role or label; or a role is missing.
    """

    default_prefix = 'knn'

    def __init__(
        self,
        *,
        num_neighbours: int = 200,
        temperature: float = 0.07,
        search: Literal['exact', 'faiss'] = 'exact',
        collect_device: str = 'cpu',
        prefix: str | None = None,
    ) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
        if num_neighbours < 1 or not temperature > 0:
            raise ValueError(
                f'KNNAccuracy(num_neighbours={num_neighbours}, temperature={temperature}): expected 1 or '
                'more neighbours and a temperature above 0'
            )
        if search not in ('exact', 'faiss'):
            raise ValueError(f"KNNAccuracy(search={search!r}): expected 'exact' or 'faiss'")
        self.num_neighbours = num_neighbours
        self.search = search
        self.temperature = temperature

    def process(self, data_batch: object, data_samples: Sequence[Mapping]) -> None:
        """Keep the vector, label and role of each sample."""
        self.results.extend(featured_sample(sample) for sample in data_samples)

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Accuracy and chance, for all samples of all processes."""
        queries, query_labels, gallery, gallery_labels = gallery_and_queries(results, what='k-NN')
        return knn_accuracy(
            queries,
            query_labels,
            gallery,
            gallery_labels,
            num_neighbours=self.num_neighbours,
            temperature=self.temperature,
            search=self.search,
        ) | {'chance': 1 / len(gallery_labels.unique())}
