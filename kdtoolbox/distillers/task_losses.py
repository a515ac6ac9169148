"""What a recognizer learns from labels, where some or all clips have none."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from mmaction.models.recognizers.base import BaseRecognizer
from torch import Tensor, nn

from kdtoolbox.criterion.batch_labels import UNLABELLED


def task_losses(recognizer: BaseRecognizer, inputs: Tensor, data_samples: Sequence, labels: Tensor | None) -> dict:
    """The recognizer's own losses, as plain mmaction2 gives them where every clip has a label.

    A clip without one counts 0 in the mean over the batch: a labelled clip counts the same whoever stands beside it.

    Args:
        recognizer: with a classification head.
        inputs: as it takes them.
        data_samples: N of them.
        labels: (N,), -1 for none; (N, K) where they are soft or several; None to run without learning from any.

    Raises:
        ValueError: a label does not fit the head, or the recognizer has a neck and not all clips have labels.
    """
    num_classes = recognizer.cls_head.num_classes
    if labels is not None and labels.dim() == 1 and int(labels.max()) >= num_classes:
        raise ValueError(
            f'a training sample has the label {int(labels.max())}, but the student has {num_classes} '
            f'classes, 0 to {num_classes - 1}'
        )
    labelled = None if labels is None else labels != UNLABELLED
    if labelled is not None and bool(labelled.all()):
        with _scores_numpy_knows(recognizer.cls_head):
            return recognizer(inputs, data_samples, mode='loss')
    if recognizer.with_neck:
        raise ValueError(
            'a student with a neck computes losses of its own there, for which every sample needs a label; '
            + ('labels are not used' if labelled is None else f'{int((~labelled).sum())} of {len(labelled)} have none')
        )
    with _scores_numpy_knows(recognizer.cls_head):
        logits = recognizer(inputs, mode='tensor', stage='head')
    if labelled is None:
        return {}
    if not labelled.any():
        return {'loss_cls': logits.sum() * 0}
    losses = recognizer.cls_head.loss_by_feat(
        logits[labelled], [sample for sample, has_label in zip(data_samples, labelled.tolist()) if has_label]
    )
    share = labelled.float().mean()
    return {name: value * share if 'loss' in name else value for name, value in losses.items()}


@contextmanager
def _scores_numpy_knows(head: nn.Module) -> Iterator[None]:
    """Have a head give float32 where it would give bfloat16, in which mmaction2 1.1.0 cannot count its accuracy.

    numpy has no bfloat16; drop when mmaction2 > 1.2.0 casts before ``top_k_accuracy`` (models/heads/base.py).
    """
    handle = head.register_forward_hook(
        lambda _, args, scores: scores.float() if getattr(scores, 'dtype', None) == torch.bfloat16 else None
    )
    try:
        yield
    finally:
        handle.remove()
