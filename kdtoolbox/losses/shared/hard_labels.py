"""Helpers of losses with hard labels: unlabelled samples, label checks, the logits of the other classes."""

from collections.abc import Callable
from functools import wraps

import torch
from torch import Tensor

from kdtoolbox.host_reads import known_on_host, on_host, to_device
from kdtoolbox.losses.shared.input_checks import require_logits

UNLABELLED = -1


def checked_labels(labels: Tensor, *, num_samples: int, num_classes: int) -> Tensor:
    """Check the labels and return them as int64, which torch's loss functions need.

    Values that only the device knows are not looked at, since the host would have to wait: a distiller's labels are
    known to the host.

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
    known = known_on_host(labels)
    if known is None or not len(known):
        return labels.long()
    low, high = int(known.min()), int(known.max())
    if low < UNLABELLED or high >= num_classes:
        raise ValueError(
            f'labels from {low} to {high}, but the logits have {num_classes} classes: expected 0 to '
            f'{num_classes - 1}, or {UNLABELLED} for a sample without a label. Give the student (and the '
            'teacher a probe with) the classes of the data set'
        )
    return labels if labels.dtype == torch.long else labels.long()  # itself: the host's knowledge belongs to it


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
        labelled = on_host(labels) != UNLABELLED
        num_labelled = int(labelled.sum())
        if not num_labelled:
            return student.sum() * 0
        if num_labelled < len(labels):
            places = to_device(labelled.nonzero()[:, 0], student.device)
            student, teacher, labels = student[places], teacher[places], labels[places]
        row_labels = labels.repeat_interleave(student[0, ..., 0].numel())
        value = loss(student.flatten(0, -2), teacher.flatten(0, -2), labels=row_labels, **options)
        return value * (num_labelled / len(labelled))

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
    others = torch.arange(num_classes - 1, device=logits.device).expand(num_samples, -1)
    return logits.gather(1, others + (others >= labels[:, None]))
