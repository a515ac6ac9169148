"""Metrics, and what turns frozen features into a classifier."""

from kdtoolbox.evaluation.clip_retrieval import ClipRetrieval
from kdtoolbox.evaluation.linear_probe import fit_linear_probe
from kdtoolbox.evaluation.nearest import retrieval_topk
from kdtoolbox.evaluation.query_accuracy import QueryAccuracy

__all__ = ['ClipRetrieval', 'QueryAccuracy', 'fit_linear_probe', 'retrieval_topk']
