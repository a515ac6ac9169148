"""Gates: which clips of a batch a term is applied to."""

from collections.abc import Mapping

from torch import Tensor, nn

from kdtoolbox.criterion.loss_inputs import scalar_of
from kdtoolbox.host_reads import HostCopy, rows_of
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


class Kept:
    """The clips that a gate keeps.

    How many clips the loss gets is for the host to know, so it has to wait for the gate. It waits as late as it can:
    the copy is queued when the gate has decided, which a distiller lets it do before the student runs.

    Args:
        keep: (N,), True for the clips that are kept.
    """

    def __init__(self, keep: Tensor) -> None:
        self.share = keep.float().mean()
        self._copy = HostCopy(keep)

    def on_host(self) -> Tensor:
        """(N,) on the CPU; waits for the gate, once."""
        return self._copy.value()


def gated_loss(
    loss: nn.Module,
    student: Tensor | tuple[Tensor, ...],
    teacher: Tensor | tuple[Tensor, ...],
    asked: Mapping,
    kept: Kept,
) -> Tensor:
    """The mean of a loss over the batch, with 0 for the clips that are not kept.

    Args:
        loss: a mean over clips that are independent of each other.
        student: (N, ...), or several.
        teacher: likewise.
        asked: name -> further input of the loss.
        kept: what the gate decided.

    Raises:
        ValueError: a tensor does not have one row for each clip, or the loss is no scalar.
    """
    keep = kept.on_host()
    places = keep.nonzero()[:, 0]
    num_kept = len(places)
    student, teacher = (_rows(side, places, num_clips=len(keep)) for side in (student, teacher))
    if not num_kept:  # 0 with a gradient to everything that would learn, which DDP waits for
        classifier = asked.get('student_classifier')
        learning = [
            *(student if isinstance(student, tuple) else (student,)),
            *loss.parameters(),
            *(() if classifier is None else classifier.parameters()),
        ]
        return sum(tensor.float().sum() * 0 for tensor in learning)
    asked = dict(asked)
    for name in ('labels', 'hidden_tokens', 'teacher_hidden_tokens', 'clips'):
        if asked.get(name) is not None:
            asked[name] = rows_of(asked[name], places)
    if 'sample_ids' in asked:
        asked['sample_ids'] = [one for one, kept in zip(asked['sample_ids'], keep.tolist()) if kept]
    return scalar_of(loss, student, teacher, asked) * (num_kept / len(keep))


def _rows(side: Tensor | tuple[Tensor, ...], places: Tensor, *, num_clips: int):
    """The kept clips of a tensor (N, ...) or of several."""
    if isinstance(side, tuple):
        return tuple(_rows(tensor, places, num_clips=num_clips) for tensor in side)
    if side.shape[0] != num_clips:
        raise ValueError(
            f'a gate chooses among {num_clips} clips, but the loss gets {tuple(side.shape)}: end the '
            'connector with one row a clip'
        )
    return rows_of(side, places)
