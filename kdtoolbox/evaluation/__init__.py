"""Metrics: retrieval, k-NN, linear probe, agreement with the teacher, calibration, confusion."""

from kdtoolbox.evaluation.agreement import TeacherAgreement, agreement_with_teacher
from kdtoolbox.evaluation.calibration import Calibration, calibration_errors
from kdtoolbox.evaluation.clip_retrieval import ClipRetrieval
from kdtoolbox.evaluation.confusion import QueryConfusion
from kdtoolbox.evaluation.feature_file import VideoFeatures, load_features, save_features
from kdtoolbox.evaluation.independent_evaluator import IndependentEvaluator
from kdtoolbox.evaluation.knn import KNNAccuracy, knn_accuracy, knn_labels
from kdtoolbox.evaluation.linear_probe import fit_linear_probe
from kdtoolbox.evaluation.linear_probe_accuracy import LinearProbeAccuracy, linear_probe_accuracy
from kdtoolbox.evaluation.nearest import nearest_neighbours, retrieval_topk
from kdtoolbox.evaluation.query_accuracy import QueryAccuracy

__all__ = [
    'Calibration',
    'ClipRetrieval',
    'IndependentEvaluator',
    'KNNAccuracy',
    'LinearProbeAccuracy',
    'QueryAccuracy',
    'QueryConfusion',
    'TeacherAgreement',
    'VideoFeatures',
    'agreement_with_teacher',
    'calibration_errors',
    'fit_linear_probe',
    'knn_accuracy',
    'knn_labels',
    'linear_probe_accuracy',
    'load_features',
    'nearest_neighbours',
    'retrieval_topk',
    'save_features',
]
