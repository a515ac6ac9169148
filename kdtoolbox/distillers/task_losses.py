"""The recognizer's own losses for batches in which some or all clips have no label."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from mmaction.models.recognizers.base import BaseRecognizer
from torch import Tensor, nn

from kdtoolbox.criterion.batch_labels import UNLABELLED


def task_losses(recognizer: BaseRecognizer, inputs: Tensor, data_samples: Sequence, labels: Tensor | None) -> dict:
    """The recognizer's own losses; equal to those of plain mmaction2 if every clip has a label.

    A clip without a label counts 0 in the mean over the batch, so that the weight of a labelled clip does not depend on
    the other clips.

    Args:
        recognizer: with a classification head.
        inputs: as it takes them.
        data_samples: N of them.
        labels: (N,), -1 for none; (N, K) for soft labels or several labels; None to use no labels.

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
    """Cast the head's scores from bfloat16 to float32, because mmaction2 1.1.0 cannot compute the accuracy in bfloat16.

    numpy has no bfloat16; drop when mmaction2 > 1.2.0 casts before ``top_k_accuracy`` (models/heads/base.py).
    """
    handle = head.register_forward_hook(
        lambda _, args, scores: scores.float() if getattr(scores, 'dtype', None) == torch.bfloat16 else None
    )
    try:
        yield
    finally:
        handle.remove()
