"""Validation on a few clips before the first epoch, to find metrics that would fail after it."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, cast

import torch
from mmengine.evaluator import BaseMetric, DumpResults, Evaluator
from torch import nn
from torch.utils.data import DataLoader, Dataset

from kdtoolbox.arguments import did_you_mean
from kdtoolbox.inspection.data_sets import info_of, parts_of, size_of
from kdtoolbox.inspection.findings import Finding, error
from kdtoolbox.isolation import quiet_log

NUM_EACH = 2
COMPARING = ('ClipRetrieval', 'KNNAccuracy', 'LinearProbeAccuracy')
"""Metrics that compare queries with a gallery."""
OF_SCORES = ('QueryAccuracy', 'AccMetric', 'Calibration', 'QueryConfusion', 'TeacherAgreement')
"""Metrics that measure the student's classifier."""


def rehearsed(model: nn.Module, loader: DataLoader, evaluator: Evaluator) -> tuple[list[Finding], set[str] | None]:
    """Validate on two query and two gallery clips.

    Args:
        model: a copy of what is trained; it is left in evaluation mode.

    Returns:
        What fails, and the keys that the metrics give; None where that cannot be told from a few clips.
    """
    metrics = [metric for metric in evaluator.metrics if not isinstance(metric, DumpResults)]
    samples, has_both = _samples(loader.dataset)
    findings = list(_without_a_role(loader.dataset, metrics, samples))
    batch = loader.collate_fn(samples)
    is_whole = len(metrics) == len(evaluator.metrics)
    model.eval()
    with torch.no_grad(), quiet_log(), torch.compiler.set_stance('force_eager'):
        predictions = [one.to_dict() for one in cast(Any, model).val_step(batch)]
        keys: set[str] = set()
        for metric in metrics:
            is_enough = has_both or type(metric).__name__ not in COMPARING
            found, named = _rehearsed_metric(
                metric, batch, predictions, meta=getattr(loader.dataset, 'metainfo', None), is_enough=is_enough
            )
            findings += found
            keys |= named
            is_whole = is_whole and is_enough
    return findings, keys if is_whole and not findings else None


def best_key(wanted: str | Sequence[str] | None, keys: set[str] | None) -> Iterator[Finding]:
    """Refuse a ``save_best`` that no metric gives."""
    for key in [wanted] if isinstance(wanted, str) else wanted or ():
        if keys is not None and key != 'auto' and key not in keys:
            nearest = did_you_mean(key, sorted(keys), what='they give')
            yield error(f'save_best={key!r} is none of what the metrics give: {nearest}')


def scores_of_nothing(evaluator: Evaluator, best: str | Sequence[str] | None) -> Iterator[Finding]:
    """Report metrics of a classifier that is not trained, and a ``save_best`` of such a metric."""
    metrics = [metric for metric in evaluator.metrics if type(metric).__name__ in OF_SCORES]
    prefixes = {metric.prefix for metric in metrics}
    for key in [best] if isinstance(best, str) else best or ():
        if key.partition('/')[0] in prefixes:
            yield error(
                f"save_best={key!r}: nothing trains the student's classifier (use_labels=False, and no term taps "
                "its logits), so this is chance. Choose by features, save_best='retrieval/top1'"
            )
    names = ', '.join(type(metric).__name__ for metric in metrics)
    if metrics:
        yield Finding(
            f"{names}: nothing trains the student's classifier (use_labels=False, and no term taps its "
            'logits), so what it says is chance and is not reported'
        )


def without_scores(metrics: Sequence[BaseMetric]) -> list[BaseMetric]:
    """The metrics that do not need a trained classifier."""
    return [metric for metric in metrics if type(metric).__name__ not in OF_SCORES]


def _without_a_role(dataset: Dataset, metrics: Sequence[BaseMetric], samples: Sequence[Mapping]) -> Iterator[Finding]:
    """Metrics that compare queries with a gallery, over data sets of which one of them only is told or seen."""
    roles = {getattr(part, 'role', None) for part in parts_of(dataset)}
    comparing = [type(metric).__name__ for metric in metrics if type(metric).__name__ in COMPARING]
    mend = (
        "Validate on a ConcatDataset of the training videos with role='gallery' and the test videos with role='query'"
    )
    if comparing and None not in roles and len(roles) == 1:
        yield error(f'{", ".join(comparing)}: the validation set has only role={roles.pop()!r}. {mend}')
    seen = {sample['data_samples'].get('role') for sample in samples}
    if comparing and None in roles and len(seen) == 1 and None not in seen:
        yield Finding(
            f'{", ".join(comparing)}: all {len(samples)} samples that were looked at have '
            f'role={seen.pop()!r}: if there are no others, the first validation fails. {mend}'
        )


def _rehearsed_metric(
    metric: BaseMetric, batch: Mapping, predictions: Sequence[dict], *, meta: Mapping | None, is_enough: bool
) -> tuple[list[Finding], set[str]]:
    name = type(metric).__name__
    before, metric.results = metric.results, []
    try:
        with _nothing_written(metric):
            metric.dataset_meta = meta
            metric.process(batch, copy.deepcopy(predictions))
            if not is_enough:
                return [], set()
            given = metric.compute_metrics(metric.results)
        return [], {f'{metric.prefix}/{key}' if metric.prefix else key for key in given}
    except ValueError as failure:
        return [error(f'{name} would fail at the first validation: {failure}')], set()
    except (RuntimeError, KeyError, TypeError, AttributeError, IndexError, AssertionError) as failure:
        return [
            Finding(
                f'{name} fails on {len(predictions)} clips, and may at the first validation: '
                f'{type(failure).__name__}: {failure}'
            )
        ], set()
    finally:
        metric.results = before


@contextmanager
def _nothing_written(metric: BaseMetric) -> Iterator[None]:
    """Keep a metric from writing the file that it has ``out`` for."""
    out = getattr(metric, 'out', None)
    if out is not None:
        metric.out = None
    try:
        yield
    finally:
        if out is not None:
            metric.out = out


def _samples(dataset: Dataset) -> tuple[list[dict], bool]:
    """A few samples, each with one of its clips, and whether there are queries and a gallery of two classes.

    Gallery samples are there twice under two names: a linear probe asks for two videos of a class.
    """
    indices = _indices(dataset)
    samples = [_with_one_clip(dataset[index]) for index in indices]
    roles = [sample['data_samples'].get('role') for sample in samples]
    labels = [_label(sample) for sample in samples]
    twins = [_renamed(sample) for sample, role in zip(samples, roles) if role == 'gallery']
    gallery = {label for label, role in zip(labels, roles) if role == 'gallery'}
    return samples + twins, 'query' in roles and len(gallery) > 1


def _indices(dataset: Dataset) -> list[int]:
    """Where to look for queries and gallery: where the parts and their labels say, else all over the data set."""
    chosen: list[int] = []
    start = 0
    for part in parts_of(dataset) if hasattr(dataset, 'datasets') else [dataset]:
        spread = sorted({number * (size_of(part) - 1) // (2 * NUM_EACH - 1) for number in range(2 * NUM_EACH)})
        if hasattr(part, 'role') and hasattr(part, 'get_data_info'):
            by_label = {info_of(part, index).get('label'): index for index in spread}
            spread = (sorted(by_label.values()) + spread)[:NUM_EACH] if len(by_label) > 1 else _two_labels(part, spread)
        chosen += [start + index for index in spread]
        start += size_of(part)
    return (
        chosen if len(chosen) and max(chosen) < size_of(dataset) else list(range(min(size_of(dataset), 2 * NUM_EACH)))
    )


def _two_labels(part: Dataset, spread: Sequence[int]) -> list[int]:
    """The first sample, and the first of another class; any, if there is one class."""
    first = info_of(part, 0).get('label')
    other = next((index for index in range(size_of(part)) if info_of(part, index).get('label') != first), None)
    return list(spread[:NUM_EACH]) if other is None else [0, other]


def _with_one_clip(sample: Mapping) -> dict:
    """(clips, 3, T, H, W) -> its first clip: what ten of them cost is not needed to see whether a metric works."""
    inputs = sample['inputs']
    return {**sample, 'inputs': inputs[:1]} if isinstance(inputs, torch.Tensor) and inputs.dim() == 5 else dict(sample)


def _label(sample: Mapping) -> int | None:
    labels = sample['data_samples'].get('gt_labels')
    item = None if labels is None else labels.get('item')
    return None if item is None else int(item.flatten()[0])


def _renamed(sample: Mapping) -> dict:
    twin = copy.deepcopy(sample['data_samples'])
    twin.set_metainfo({'sample_id': f'{twin.get("sample_id")} again'})
    return {**sample, 'data_samples': twin}
