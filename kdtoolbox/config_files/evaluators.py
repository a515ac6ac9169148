"""Completing the configs of metrics before they are built."""

import inspect
from collections.abc import Mapping, MutableMapping

from mmengine.config import Config

from kdtoolbox.registry import METRICS

EVALUATORS = ('val_evaluator', 'test_evaluator')


def metric_configs(evaluator: Mapping | list | None) -> list[MutableMapping]:
    """The configs of the metrics of a ``val_evaluator`` or ``test_evaluator``, in any of mmengine's forms."""
    metrics = evaluator['metrics'] if isinstance(evaluator, Mapping) and 'metrics' in evaluator else evaluator
    return [
        metric
        for metric in ([metrics] if isinstance(metrics, Mapping) else metrics or ())
        if isinstance(metric, MutableMapping)
    ]


def tell_average_clips(config: Config) -> None:
    """Set ``average_clips`` of the student's head in the configs of metrics that need it."""
    model = config.get('model') or {}
    head = (model.get('student') or model).get('cls_head') or {}
    average = head.get('average_clips')
    for metric in (metric for name in EVALUATORS for metric in metric_configs(config.get(name))):
        if average and 'average_clips' in inspect.signature(METRICS.get(metric['type'])).parameters:
            metric.setdefault('average_clips', average)
