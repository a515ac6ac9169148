"""The recognizer's own losses: for batches in which some clips have no label, and without the host waiting for them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from mmaction.models.heads.base import BaseHead
from mmaction.models.recognizers.base import BaseRecognizer
from torch import Tensor

from kdtoolbox.criterion.batch_labels import UNLABELLED
from kdtoolbox.host_reads import known_on_host, on_host, to_device


@torch.compiler.disable(recursive=False)  # the network is compiled; the head's attribute, set for a moment, cannot be
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
    if labels is None:
        _refuse_neck(recognizer, 'labels are not used')
        recognizer(inputs, mode='tensor', stage='head')
        return {}
    _require_classes(labels, num_classes=recognizer.cls_head.num_classes)
    labelled = _has_label(labels)
    if bool(labelled.all()):
        with _losses_on_device(recognizer.cls_head, labels):
            return recognizer(inputs, _samples_for(recognizer, data_samples, inputs.device), mode='loss')
    _refuse_neck(recognizer, f'{int((~labelled).sum())} of {len(labelled)} have none')
    logits = _without_bfloat16(recognizer(inputs, mode='tensor', stage='head'))
    if not labelled.any():
        return {'loss_cls': logits.sum() * 0}
    places = to_device(labelled.nonzero()[:, 0], logits.device)
    samples = [sample for sample, has_label in zip(data_samples, labelled.tolist()) if has_label]
    with _losses_on_device(recognizer.cls_head, labels[places]):
        losses = recognizer.cls_head.loss_by_feat(logits[places], _samples_for(recognizer, samples, inputs.device))
    share = float(labelled.float().mean())
    return {name: value * share if 'loss' in name else value for name, value in losses.items()}


def losses_of_scores(head: BaseHead, scores: Tensor, labels: Tensor) -> dict[str, Tensor]:
    """What mmaction2's ``BaseHead.loss_by_feat`` gives, with the accuracy computed on the device.

    mmaction2 1.2.0 takes the scores to numpy for the accuracy in every step, for which the host waits until the student
    has run, and numpy knows no bfloat16.

    Args:
        head: with this ``loss_by_feat``.
        scores: (N, K).
        labels: (N,), or (N, K) for soft labels.

    Returns:
        ``top1_acc``, ``top5_acc`` … where each clip has one label, and the losses of the head.
    """
    losses = {}
    if scores.shape != labels.shape:
        losses = {f'top{k}_acc': top_k_share(scores.detach(), labels, k=k) for k in head.topk}
    if head.label_smooth_eps != 0:
        if scores.shape != labels.shape:
            labels = _one_hot(labels, head.num_classes)
        labels = (1 - head.label_smooth_eps) * labels + head.label_smooth_eps / head.num_classes
    loss = head.loss_cls(scores, labels)
    return {**losses, **(loss if isinstance(loss, dict) else {'loss_cls': loss})}


def top_k_share(scores: Tensor, labels: Tensor, *, k: int) -> Tensor:
    """Share of the clips whose label is among the k largest scores, float64 like mmaction2's.

    >>> top_k_share(torch.tensor([[0., 1., 2.], [2., 1., 0.]]), torch.tensor([1, 2]), k=2)
    tensor(0.5000, dtype=torch.float64)
    """
    found = scores.topk(min(k, scores.shape[1]), dim=1).indices
    return (found == labels[:, None]).any(1).double().mean()


def _one_hot(labels: Tensor, num_classes: int) -> Tensor:
    """As F.one_hot, which looks at the labels on the host."""
    return (labels[:, None] == torch.arange(num_classes, device=labels.device)).long()


def _refuse_neck(recognizer: BaseRecognizer, why: str) -> None:
    if recognizer.with_neck:
        raise ValueError(
            f'a student with a neck computes losses of its own there, for which every sample needs a label; {why}'
        )


def _require_classes(labels: Tensor, *, num_classes: int) -> None:
    known = known_on_host(labels)
    if known is not None and known.dim() == 1 and int(known.max()) >= num_classes:
        raise ValueError(
            f'a training sample has the label {int(known.max())}, but the student has {num_classes} '
            f'classes, 0 to {num_classes - 1}'
        )


def _has_label(labels: Tensor) -> Tensor:
    """Which clips have a label, or (N, K) which entries are one, on the CPU."""
    if known_on_host(labels) is None and labels.is_floating_point():
        return torch.ones(len(labels), dtype=torch.bool)  # blended on the device, for which all have one
    return on_host(labels) != UNLABELLED


def _has_losses_of_its_own(head: BaseHead) -> bool:
    return type(head).loss_by_feat is not BaseHead.loss_by_feat or type(head).loss is not BaseHead.loss


def _samples_for(recognizer: BaseRecognizer, data_samples: Sequence, device: torch.device) -> Sequence:
    """The samples with their labels on the device, where a part of the recognizer reads labels itself."""
    if recognizer.with_neck or _has_losses_of_its_own(recognizer.cls_head):
        return [sample.to(device) for sample in data_samples]
    return data_samples


@contextmanager
def _losses_on_device(head: BaseHead, labels: Tensor) -> Iterator[None]:
    """Within the block, the head computes its losses by :func:`losses_of_scores`, if they are mmaction2's usual ones.

    A head with losses of its own keeps them, and the host may wait there. Its scores are cast from bfloat16 to float32,
    because mmaction2 computes the accuracy in numpy, which has no bfloat16; drop this when mmaction2 > 1.2.0 casts
    before ``top_k_accuracy`` (models/heads/base.py).
    """
    if _has_losses_of_its_own(head):
        handle = head.register_forward_hook(lambda _, args, scores: _without_bfloat16(scores))
        try:
            yield
        finally:
            handle.remove()
        return
    head.loss_by_feat = lambda scores, data_samples: losses_of_scores(head, _without_bfloat16(scores), labels)
    try:
        yield
    finally:
        del head.loss_by_feat


def _without_bfloat16(scores):
    return scores.float() if getattr(scores, 'dtype', None) == torch.bfloat16 else scores
