"""Helpers of losses with hard labels: unlabelled samples, label checks, the logits of the other classes."""

from collections.abc import Callable
from functools import wraps

from torch import Tensor
from torch.nn import functional as F

from kdtoolbox.losses.shared.input_checks import require_logits

UNLABELLED = -1


def checked_labels(labels: Tensor, *, num_samples: int, num_classes: int) -> Tensor:
    """Check the labels and return them as int64, which torch's loss functions need.

    Raises:
        ValueError: the labels are not (N,) integers, each a class or -1.

    >>> import torch
    >>> checked_labels(torch.tensor([0, 51, -1]), num_samples=3, num_classes=51)
    Traceback (most recent call last):
    ...
    ValueError: labels from -1 to 51, but the logits have 51 classes: expected 0 to 50, or -1 for a sample without a \
label. Give the student (and the teacher a probe with) the classes of the data set
    """
    if labels.shape != (num_samples,) or labels.is_floating_point():
        raise ValueError(
            f'labels {tuple(labels.shape)} {labels.dtype}, expected ({num_samples},) integers: one class '
            'a sample, neither several nor mixed ones'
        )
    low, high = int(labels.min()), int(labels.max())
    if low < UNLABELLED or high >= num_classes:
        raise ValueError(
            f'labels from {low} to {high}, but the logits have {num_classes} classes: expected 0 to '
            f'{num_classes - 1}, or {UNLABELLED} for a sample without a label. Give the student (and the '
            'teacher a probe with) the classes of the data set'
        )
    return labels.long()


def over_labelled(loss: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Decorator: ``loss(student, teacher, *, labels, **options)``, a mean over rows, for partly labelled batches.

    The loss gets the labelled samples only and is multiplied by their share of the batch, so that the weight of a
    labelled sample does not depend on the other samples. Without any label it is ``student.sum() * 0``. Logits of
    frames (N, T', K) become N T' rows, each with the label of its clip.
    """

    @wraps(loss)
    def wrapped(student: Tensor, teacher: Tensor, *, labels: Tensor, **options) -> Tensor:
        require_logits(student, min_classes=2)
        labels = checked_labels(labels, num_samples=len(student), num_classes=student.shape[-1])
        labelled = labels != UNLABELLED
        if not labelled.any():
            return student.sum() * 0
        rows = student[labelled].flatten(0, -2)
        row_labels = labels[labelled].repeat_interleave(student[0, ..., 0].numel())
        value = loss(rows, teacher[labelled].flatten(0, -2), labels=row_labels, **options)
        return value * labelled.to(value.dtype).mean()

    return wrapped


def other_classes(logits: Tensor, labels: Tensor) -> Tensor:
    """The logits of all classes except the label's, in order.

    Args:
        logits: (N, K).
        labels: (N,), each a class.

    Returns:
        (N, K - 1).

    Raises:
        ValueError: there are fewer than two other classes.

    >>> import torch
    >>> other_classes(torch.tensor([[1., 2., 3.], [4., 5., 6.]]), torch.tensor([0, 2]))
    tensor([[2., 3.],
            [4., 5.]])
    """
    num_samples, num_classes = logits.shape
    if num_classes < 3:
        raise ValueError(
            f'{num_classes} classes: a loss of the classes beside the right one needs at least 3, '
            'otherwise that part is always 0. Use KLDivergence'
        )
    return logits[F.one_hot(labels, num_classes) == 0].view(num_samples, num_classes - 1)
