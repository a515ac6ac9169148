"""An evaluator that continues with the other metrics when one fails."""

from collections.abc import Callable, Sequence

from mmengine.dist import get_world_size
from mmengine.evaluator import BaseMetric, Evaluator
from mmengine.logging import MMLogger
from mmengine.structures import BaseDataElement

from kdtoolbox.registry import EVALUATOR


@EVALUATOR.register_module()
class IndependentEvaluator(Evaluator):
    """mmengine's evaluator that goes on with the other metrics when one raises a ValueError.

    A failed metric gets no more samples and gives no numbers. Its error ends the test if no metric is left, or if there
    are several processes, as the other processes would wait for it.

    Args:
        metrics: configs of the metrics.

    Attributes:
        failures: type of a metric that failed -> its error.
    """

    def __init__(self, metrics: Sequence[dict]) -> None:
        super().__init__(metrics)
        self.failures: dict[str, ValueError] = {}

    def process(self, data_samples: Sequence[BaseDataElement], data_batch: object = None) -> None:
        """Pass predictions to each metric that has not failed."""
        samples = [sample.to_dict() if isinstance(sample, BaseDataElement) else sample for sample in data_samples]
        for metric in list(self.metrics):
            self._attempt(metric, lambda metric: metric.process(data_batch, samples))

    def evaluate(self, size: int) -> dict[str, float]:
        """The numbers of all metrics that have not failed."""
        numbers: dict[str, float] = {}
        for metric in list(self.metrics):
            found = self._attempt(metric, lambda metric: metric.evaluate(size)) or {}
            if twice := sorted(numbers.keys() & found.keys()):
                raise ValueError(f'two metrics give {twice[0]}: set prefix= of one of them')
            numbers |= found
        return numbers

    def _attempt(self, metric: BaseMetric, action: Callable[[BaseMetric], dict | None]) -> dict | None:
        try:
            return action(metric)
        except ValueError as error:
            self.metrics.remove(metric)
            if get_world_size() > 1 or not self.metrics:
                raise
            self.failures[type(metric).__name__] = error
            MMLogger.get_current_instance().error(f'{error} (the other metrics go on)')
            return None
