"""Gates: which clips of a batch a term is applied to."""

from collections.abc import Mapping

from torch import Tensor, nn

from kdtoolbox.criterion.loss_inputs import scalar_of
from kdtoolbox.registry import MODELS


@MODELS.register_module()
class ConfidenceGate(nn.Module):
    """Keep the clips where the teacher's largest softmax probability is at least ``threshold``.

    Args:
        threshold: above 0, at most 1.

    Raises:
        ValueError: the threshold is not.

    >>> import torch
    >>> ConfidenceGate(threshold=0.9)(torch.tensor([[0., 9.], [0., 1.]]))
    tensor([ True, False])
    """

    def __init__(self, *, threshold: float) -> None:
        super().__init__()
        if not 0 < threshold <= 1:
            raise ValueError(f'ConfidenceGate threshold {threshold}: expected a probability above 0, at most 1')
        self.threshold = threshold

    def forward(self, logits: Tensor) -> Tensor:
        """Teacher's logits (N, K) -> (N,), True where the clip counts."""
        return logits.float().softmax(-1).amax(-1) >= self.threshold


@MODELS.register_module()
class CorrectGate(nn.Module):
    """Keep the labelled clips that the teacher classifies correctly; its classes must be those of the data set.

    >>> import torch
    >>> CorrectGate()(torch.tensor([[0., 9.], [0., 9.], [0., 9.]]), labels=torch.tensor([1, 0, -1]))
    tensor([ True, False, False])
    """

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Teacher's logits (N, K) and labels (N,), -1 for none -> (N,), True where the clip counts.

        Raises:
            ValueError: the labels are not one class a clip.
        """
        if labels.dim() != 1:
            raise ValueError(
                f'CorrectGate got labels {tuple(labels.shape)}, expected one class a clip, (N,): soft '
                'labels and several a clip have no single right answer'
            )
        return logits.argmax(-1) == labels


def gated_loss(
    loss: nn.Module,
    student: Tensor | tuple[Tensor, ...],
    teacher: Tensor | tuple[Tensor, ...],
    asked: Mapping,
    keep: Tensor,
) -> Tensor:
    """The mean of a loss over the batch, with 0 for the clips that are not kept.

    Args:
        loss: a mean over clips that are independent of each other.
        student: (N, ...), or several.
        teacher: likewise.
        asked: name -> further input of the loss.
        keep: (N,), True for the clips that are kept.

    Raises:
        ValueError: a tensor does not have one row for each clip, or the loss is no scalar.
    """
    student, teacher = _rows(student, keep), _rows(teacher, keep)
    num_kept = int(keep.sum())
    if not num_kept:  # 0 with a gradient to everything that would learn, which DDP waits for
        classifier = asked.get('student_classifier')
        learning = [
            *(student if isinstance(student, tuple) else (student,)),
            *loss.parameters(),
            *(() if classifier is None else classifier.parameters()),
        ]
        return sum(tensor.float().sum() * 0 for tensor in learning)
    asked = dict(asked)
    for name in ('labels', 'hidden_tokens', 'clips'):
        if asked.get(name) is not None:
            asked[name] = asked[name][keep]
    if 'sample_ids' in asked:
        asked['sample_ids'] = [one for one, kept in zip(asked['sample_ids'], keep.tolist()) if kept]
    return scalar_of(loss, student, teacher, asked) * (num_kept / len(keep))


def _rows(side: Tensor | tuple[Tensor, ...], keep: Tensor):
    """The kept clips of a tensor (N, ...) or of several."""
    if isinstance(side, tuple):
        return tuple(_rows(tensor, keep) for tensor in side)
    if side.shape[0] != len(keep):
        raise ValueError(
            f'a gate chooses among {len(keep)} clips, but the loss gets {tuple(side.shape)}: end the '
            'connector with one row a clip'
        )
    return side[keep]
