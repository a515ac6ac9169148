"""Clip retrieval: find training videos of the same class by the distance of their features."""

from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from mmengine.evaluator import BaseMetric
from mmengine.logging import MMLogger
from torch import Tensor

from kdtoolbox.evaluation.metric_samples import featured_sample, gallery_and_queries
from kdtoolbox.evaluation.nearest import retrieval_topk
from kdtoolbox.registry import METRICS


def chance_topk(query_labels: Tensor, gallery_labels: Tensor, topk: Sequence[int]) -> dict[int, float]:
    """Chance level of top-k retrieval: k gallery videos drawn at random without replacement.

    One minus the hypergeometric probability of no hit, mean over the queries, as a sum of logarithms of small numbers.

    >>> chance_topk(torch.tensor([0]), torch.tensor([0, 1]), (1, 2))
    {1: 0.5, 2: 1.0}
    """
    labels, counts = query_labels.unique(return_counts=True)
    num_members = (gallery_labels[:, None] == labels).sum(0).double()
    chances = {}
    for k in topk:
        num_left = len(gallery_labels) - torch.arange(min(k, len(gallery_labels)), dtype=torch.float64)
        missed = torch.log1p(-(num_members[:, None] / num_left).clamp(max=1)).sum(1)
        chances[k] = float(((0 - missed.expm1()) * counts).sum() / counts.sum())  # 0 - x: never -0.0
    return chances


@METRICS.register_module()
class ClipRetrieval(BaseMetric):
    """Share of query videos with a video of their class among the k nearest gallery videos by cosine distance.

    The protocol of video clip order prediction (Xu et al., CVPR 2019) and of the papers that compare with it: the
    gallery is the training videos, the queries are the test videos, a video's vector is the mean of the features of its
    clips.

    The validation data set holds both roles. Each data sample has ``clip_features`` (C,), ``gt_labels``, and the
    metainfo ``sample_id`` and ``role``. Every video counts once, also if a distributed sampler repeats it. Keys are
    ``top1`` ... and ``chance_top1`` ..., the same number for random features. If k is larger than the gallery, the
    whole gallery is used, with a warning.

    Args:
        topk: the numbers of neighbours.
        centre: ``'gallery'`` subtracts the mean vector of the gallery from all vectors first. Vectors of a network
            often share a large part, which hides their differences from the cosine. It is not the protocol's: report
            it beside the other, with a ``prefix`` of its own.
        collect_device: where results of several processes meet, ``'cpu'`` or ``'gpu'``.
        prefix: of the keys, instead of ``retrieval``.

    Raises:
        ValueError: a sample lacks its features, role or label, features have no direction, a role is missing, or
            ``centre`` is none of these.
    """

    default_prefix = 'retrieval'

    def __init__(
        self,
        *,
        topk: Sequence[int] = (1, 5, 10, 20, 50),
        centre: Literal['gallery'] | None = None,
        collect_device: str = 'cpu',
        prefix: str | None = None,
    ) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
        if centre not in (None, 'gallery'):
            raise ValueError(f"ClipRetrieval(centre={centre!r}): expected 'gallery', or None for the protocol's")
        if not topk or any(k < 1 for k in topk):
            raise ValueError(f'topk={topk}: expected numbers of neighbours from 1 on, such as (1, 5, 10)')
        self.topk = tuple(topk)
        self.centre = centre

    def process(self, data_batch: object, data_samples: Sequence[Mapping]) -> None:
        """Keep the vector, label and role of each sample."""
        self.results.extend(featured_sample(sample) for sample in data_samples)

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Retrieval and chance, for all samples of all processes."""
        queries, query_labels, gallery, gallery_labels = gallery_and_queries(results, what='retrieval')
        if self.centre == 'gallery':
            mean = gallery.mean(0)
            queries, gallery = queries - mean, gallery - mean
        beyond = [k for k in self.topk if k > len(gallery)]
        if beyond:
            MMLogger.get_current_instance().warning(
                f'retrieval: top-k for k = {beyond} takes the whole gallery of {len(gallery)} videos'
            )
        shares = retrieval_topk(queries, query_labels, gallery, gallery_labels, self.topk)
        chances = chance_topk(query_labels, gallery_labels, self.topk)
        return {f'top{k}': shares[k] for k in self.topk} | {f'chance_top{k}': chances[k] for k in self.topk}
