"""All checks before the first training step; the doctor and the training run the same."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from mmengine.evaluator import Evaluator
from torch import nn
from torch.utils.data import DataLoader, Dataset

from kdtoolbox.inspection import classes, data_sets, metrics, real_batch, settings
from kdtoolbox.inspection.batches import clips_longer_than_videos, small_batches
from kdtoolbox.inspection.findings import Finding
from kdtoolbox.inspection.segments import segments_behind_the_end
from kdtoolbox.isolation import copy_to_try, untouched_randomness


@dataclass(frozen=True)
class Training:
    """The parts of a training that are checked.

    Args:
        config: of all of it.
        model: a distiller, or any model of mmengine.
        training: its training data; None where they are not to be read.
        validation: likewise.
        evaluator: the metrics of the validation.
        tests: further data sets that are tested on.
        num_processes: that train together.
    """

    config: Mapping
    model: nn.Module
    training: DataLoader | None = None
    validation: DataLoader | None = None
    evaluator: Evaluator | None = None
    tests: Sequence[Dataset] = ()
    num_processes: int = 1

    @property
    def trains_its_head(self) -> bool:
        """Whether anything teaches the student's classifier."""
        return real_batch.trains_its_head(self.model)

    @property
    def best(self) -> str | Sequence[str] | None:
        """The metric that selects the best checkpoint."""
        hooks = [*(self.config.get('default_hooks') or {}).values(), *(self.config.get('custom_hooks') or ())]
        return next((hook['save_best'] for hook in hooks if isinstance(hook, Mapping) and hook.get('save_best')), None)


def inspect(training: Training) -> Iterator[Finding]:
    """Everything that is wrong, or may be; leaves model and random numbers as they are.

    Raises:
        ValueError: a part refuses what it gets.
    """
    findings = list(before_a_step(training))
    yield from findings
    if training.training is None or any(finding.is_error for finding in findings):
        return  # a step would only fail of the same
    with untouched_randomness():
        copied = copy_to_try(training.model).train()
        clips = real_batch.few_clips(training.training, copied, num_processes=training.num_processes)
        yield from real_batch.of_a_step(copied, clips)
        yield from of_the_metrics(training, copied)


def before_a_step(training: Training) -> Iterator[Finding]:
    """Checks of config, data sets and classes, without a training step."""
    yield from of_the_config(training.config)
    if training.training is not None:
        yield from of_the_data(training, training.training)
        yield from of_the_classes(training, training.training.dataset)


def of_the_config(config: Mapping) -> Iterator[Finding]:
    """Checks of the config alone."""
    model = config.get('model') or {}
    yield from settings.unusual_weights(model)
    yield from settings.unusual_schedule(config)
    yield from settings.averages_that_never_start(config)
    yield from settings.averages_of_what_grows(config)
    yield from settings.unusual_sampling(config)
    yield from settings.empty_batches(config)
    yield from settings.readers_of_wrong_frames(config)
    yield from settings.swapped_colours(model)
    yield from settings.absent_weights(model)


def of_the_data(training: Training, loader: DataLoader) -> Iterator[Finding]:
    """Videos in two sets, classes without any, batches and clips that do not come together."""
    dataset = loader.dataset
    tested = [*([training.validation.dataset] if training.validation is not None else []), *training.tests]
    yield from data_sets.one_root_for_two_subsets([dataset, *tested])
    videos = data_sets.videos_of(dataset)
    queries = [video for one in tested for video in data_sets.videos_of(one)]
    yield from data_sets.shared_videos(videos, queries)
    yield from data_sets.missing_classes(
        classes.classes_of(dataset) or classes.numbered_classes(training.model),
        videos,
        queries,
        uses_labels=getattr(training.model, 'use_labels', True),
    )
    yield from small_batches(training.model, loader, num_processes=training.num_processes)
    yield from clips_longer_than_videos(dataset)
    for one in (dataset, *tested):
        yield from segments_behind_the_end(one)


def of_the_classes(training: Training, dataset: Dataset) -> Iterator[Finding]:
    """Classes that are not those of the labels, of a teacher or of the validation set."""
    validation = None if training.validation is None else training.validation.dataset
    yield from classes.head_of_the_labels(training.model, dataset, validation)
    names = {type(metric).__name__ for metric in getattr(training.evaluator, 'metrics', ())}
    yield from classes.compared_logits(
        training.model, dataset, validation, scores_are_measured=bool(names.intersection(metrics.OF_SCORES))
    )


def of_the_metrics(training: Training, copied: nn.Module) -> Iterator[Finding]:
    """Metrics that would fail, or say nothing, and a best checkpoint that is chosen by none of them."""
    if training.validation is None or training.evaluator is None:
        return
    evaluator, of_nothing = training.evaluator, []
    if not training.trains_its_head:
        of_nothing = list(metrics.scores_of_nothing(evaluator, training.best))
        evaluator = Evaluator(metrics.without_scores(evaluator.metrics))
    findings, keys = metrics.rehearsed(copied, training.validation, evaluator)
    yield from (*of_nothing, *findings)
    if not any(finding.is_error for finding in of_nothing):
        yield from metrics.best_key(training.best, keys)
