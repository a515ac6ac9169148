"""The confusion matrix of the queries."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from mmaction.evaluation import ConfusionMatrix
from mmengine.evaluator import BaseMetric
from mmengine.logging import MMLogger
from torch import Tensor

from kdtoolbox.evaluation.metric_samples import scored_queries, scored_sample, scores_and_labels
from kdtoolbox.registry import METRICS
from kdtoolbox.safe_files import check_writable, write_aside

NUM_SHOWN = 5


def most_confused(matrix: Tensor, num_shown: int) -> list[tuple[int, int, int]]:
    """The largest counts off the diagonal: (label, prediction, count), falling.

    >>> import torch
    >>> most_confused(torch.tensor([[9, 1], [3, 7]]), 5)
    [(1, 0, 3), (0, 1, 1)]
    """
    mistakes = matrix - matrix.diag().diag()
    counts, places = mistakes.flatten().sort(descending=True, stable=True)
    return [
        (place // len(matrix), place % len(matrix), count)
        for count, place in zip(counts[:num_shown].tolist(), places[:num_shown].tolist())
        if count
    ]


@METRICS.register_module()
class QueryConfusion(BaseMetric):
    """mmaction2's confusion matrix over the query videos, written to a file.

    Keys: ``mean_recall`` and ``min_recall`` over the classes that have queries (the share of their queries that is
    recognised). The log names the most frequent confusions. The matrix is in the file: row label, column prediction.

    Args:
        out: JSON file for ``classes`` and ``matrix``; a picture is put beside it, .png. None writes neither.
        collect_device: where results of several processes meet, ``'cpu'`` or ``'gpu'``.
        prefix: of the keys, instead of ``confusion``.

    Raises:
        ValueError: ``out`` is no .json file, a sample has no scores or no label, a label is outside the K classes, or
            there is no query.
    """

    default_prefix = 'confusion'

    def __init__(self, *, out: str | None = None, collect_device: str = 'cpu', prefix: str | None = None) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
        if out is not None and Path(out).suffix != '.json':
            raise ValueError(f'QueryConfusion(out={out!r}): expected a file that ends in .json')
        check_writable(out)
        self.out = out

    def process(self, data_batch: object, data_samples: Sequence[Mapping]) -> None:
        """Store scores and label of each query, and an empty entry for every other sample."""
        self.results.extend(scored_sample(sample) for sample in data_samples)

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Recalls over the queries of all processes; writes the file."""
        scores, labels = scores_and_labels(scored_queries(results, what='confusion'), self.dataset_meta)
        matrix = ConfusionMatrix.calculate(scores, labels)
        classes = list((self.dataset_meta or {}).get('classes') or [])
        if len(classes) != len(matrix):
            classes = [str(number) for number in range(len(matrix))]
        pairs = [
            f'{classes[label]} taken for {classes[predicted]} ({count})'
            for label, predicted, count in most_confused(matrix, NUM_SHOWN)
        ]
        logger = MMLogger.get_current_instance()
        logger.info(f'confusion: {"; ".join(pairs) or "none"}')
        if self.out is not None:
            write_aside(self.out, json.dumps({'classes': classes, 'matrix': matrix.tolist()}))
            picture = _draw(matrix, classes, Path(self.out).with_suffix('.png'))
            logger.info(f'confusion: wrote {self.out} and {picture}')
        counts = matrix.sum(1)
        recalls = (matrix.diag() / counts)[counts > 0]
        return {'mean_recall': recalls.mean().item(), 'min_recall': recalls.min().item()}


def _draw(matrix: Tensor, classes: list[str], file: Path) -> Path:
    """Draw each row as shares of its queries."""
    from matplotlib import pyplot as plt  # half a second, which commands that draw nothing need not wait for

    names = [name.replace('$', r'\$') for name in classes]  # between two of them matplotlib would read a formula
    figure = ConfusionMatrix.plot(matrix / matrix.sum(1, keepdim=True).clamp(min=1), classes=names, show=False)
    figure.savefig(file)
    plt.close(figure)
    return file
