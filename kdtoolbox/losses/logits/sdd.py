"""Scale decoupled distillation, Wei, Luo & Luo, CVPR 2024, arXiv:2403.13512."""

from collections.abc import Callable, Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kdtoolbox.losses.shared.hard_labels import UNLABELLED, checked_labels
from kdtoolbox.losses.shared.wrapped_loss import call, with_inputs_of
from kdtoolbox.method_card import from_paper, mixes_clips
from kdtoolbox.registry import MODELS, register_loss

PYRAMIDS = ('space', 'space-time')


def region_logits(
    features: Tensor, classifier: nn.Module, *, scales: Sequence[int] = (1, 2, 4), pyramid: str = 'space'
) -> Tensor:
    """The logits of ``classifier`` for the mean features of each region of a map, from the whole map to small parts.

    Args:
        features: (N, C, H, W) or (N, C, T, H, W).
        classifier: (M, C) -> (M, K).
        scales: numbers of parts into which each dimension is cut.
        pyramid: ``'space'`` cuts height and width and averages over all of time; ``'space-time'`` cuts time as well.

    Returns:
        (N, K, M), the M regions in the order of the scales, each scale from the first to the last in time, then top to
        bottom, then left to right; in float32 at least.

    Raises:
        ValueError: the map has other dimensions, or is too small to be cut so.

    >>> region_logits(torch.arange(4.).view(1, 1, 2, 2), nn.Identity(), scales=(1, 2))
    tensor([[[1.5000, 0.0000, 1.0000, 2.0000, 3.0000]]])
    """
    if features.dim() != 5 and (features.dim(), pyramid) != (4, 'space'):
        raise ValueError(
            f'got {tuple(features.shape)}, expected a map (N, C, T, H, W), or (N, C, H, W) with '
            "pyramid='space': tap a module before the pooling"
        )
    features = features.to(torch.promote_types(features.dtype, torch.float32))
    if pyramid == 'space':
        features = features.mean(2, keepdim=True) if features.dim() == 5 else features.unsqueeze(2)
    cut = features.shape[3 if pyramid == 'space' else 2 :]
    if min(cut) < max(scales):
        raise ValueError(
            f'a map {tuple(features.shape)} cannot be cut into {max(scales)} parts along each of '
            f'{tuple(cut)} ({pyramid}): take smaller scales than {tuple(scales)}, or tap a larger map'
        )
    channels = getattr(classifier, 'in_features', features.shape[1])
    if features.shape[1] != channels:
        raise ValueError(
            f'a map {tuple(features.shape)} for a classifier of {channels} channels: tap the last map '
            'before it, and give that side no connector'
        )
    pooled = torch.cat(
        [
            F.adaptive_avg_pool3d(features, (1 if pyramid == 'space' else scale, scale, scale)).flatten(2)
            for scale in scales
        ],
        dim=2,
    ).transpose(1, 2)
    weight = next(classifier.parameters(), pooled)
    with torch.autocast(device_type=features.device.type, enabled=False):
        logits = classifier(pooled.flatten(0, 1).to(weight.dtype))
    return logits.to(pooled.dtype).view(*pooled.shape[:2], -1).transpose(1, 2)


def sdd(
    student: Tensor,
    teacher: Tensor,
    *,
    labels: Tensor,
    loss: Callable[[Tensor, Tensor, Tensor], Tensor],
    complementary_weight: float = 2.0,
) -> Tensor:
    """Weighted mean of a loss over the regions of all samples, with a larger weight for complementary regions.

    A region is complementary if the teacher is right for the region and wrong for the whole map, or the reverse. Other
    regions have weight 1.

    Args:
        student: logits (N, K, M) of M regions, the first being the whole.
        teacher: of the student's shape.
        labels: (N,), -1 for a sample without one: it counts 0 in the mean; with none at all the loss is 0.
        loss: ``(student, teacher, labels)`` of rows (R, K), (R, K), (R,) -> their mean.

    Raises:
        ValueError: the shapes differ, or a label is not a class.
    """
    if student.shape != teacher.shape:
        raise ValueError(
            f'student {tuple(student.shape)} and teacher {tuple(teacher.shape)} differ, expected logits '
            '(N, K, M) of the same classes and regions: give the teacher a probe with the classes of the '
            'student (tools/fit_probe.py)'
        )
    labels = checked_labels(labels, num_samples=len(student), num_classes=student.shape[1])
    teacher = teacher.detach()
    labelled = (labels != UNLABELLED)[:, None]
    right = teacher.argmax(1) == labels[:, None]
    complementary = right != right[:, :1]
    student_rows, teacher_rows = student.transpose(1, 2), teacher.transpose(1, 2)
    row_labels = labels[:, None].expand_as(right)
    total = student.sum() * 0
    # How many regions are in each group, which is the teacher's to say, is a matter of shapes: the host waits for it.
    for group, weight in ((labelled & ~complementary, 1.0), (labelled & complementary, complementary_weight)):
        if group.any():
            share = group.to(student.dtype).mean()
            total = total + weight * share * loss(student_rows[group], teacher_rows[group], row_labels[group])
    return total


@from_paper('Wei, Luo & Luo, CVPR 2024, arXiv:2403.13512')
@register_loss(
    needs=('labels', 'maps', 'student classifier', 'teacher classifier'),
    checked_against=('sdd_kd', 'sdd_dkd', 'sdd_nkd'),
    min_classes=2,
)
class SDD(nn.Module):
    """A loss of the logits of each region of the maps, see :func:`sdd` and :func:`region_logits`.

    Tap the last maps of both networks. The student's classifier gets gradient from this loss, the teacher's is frozen.

    Args:
        loss: config of the loss of logits: ``KLDivergence``, ``DKD`` or ``NKD`` in the paper.
        scales: into how many parts each dimension is cut; the first is 1, the whole.
        pyramid: ``'space'``, or ``'space-time'``, which the paper on images does not have.
        complementary_weight: weight of complementary regions.

    Raises:
        ValueError: an option is out of range, or the loss of a clip depends on the other clips.
    """

    def __init__(
        self,
        *,
        loss: Mapping,
        scales: Sequence[int] = (1, 2, 4),
        pyramid: str = 'space',
        complementary_weight: float = 2.0,
    ) -> None:
        super().__init__()
        if len(scales) < 2 or scales[0] != 1 or list(scales) != sorted(set(scales)):
            raise ValueError(
                f'scales {tuple(scales)}: expected 1, the whole map, and then rising numbers of parts, as in (1, 2, 4)'
            )
        if pyramid not in PYRAMIDS:
            raise ValueError(f'pyramid={pyramid!r}: expected one of {", ".join(map(repr, PYRAMIDS))}')
        self.loss = MODELS.build(dict(loss))
        if mixes_clips(self.loss):
            raise ValueError(
                f'{type(self.loss).__name__} compares the clips of a batch, or takes statistics over '
                'them, but SDD calls its loss for some of their regions at a time: take a loss of each clip by '
                'itself, such as KLDivergence, DKD or NKD'
            )
        self.scales, self.pyramid = tuple(scales), pyramid
        self.complementary_weight = complementary_weight
        self.forward = with_inputs_of(self.loss, self.forward)  # type: ignore[method-assign]  # see there

    def forward(
        self,
        student: Tensor,
        teacher: Tensor,
        labels: Tensor,
        student_classifier: nn.Module,
        teacher_classifier: nn.Module,
        **extra,
    ) -> Tensor:
        with torch.no_grad():
            teacher = region_logits(teacher, teacher_classifier, scales=self.scales, pyramid=self.pyramid)

        def compare(student_rows: Tensor, teacher_rows: Tensor, row_labels: Tensor) -> Tensor:
            return call(self.loss, student_rows, teacher_rows, {**extra, 'labels': row_labels})

        value = sdd(
            region_logits(student, student_classifier, scales=self.scales, pyramid=self.pyramid),
            teacher,
            labels=labels,
            loss=compare,
            complementary_weight=self.complementary_weight,
        )
        # Without any label the inner loss is not called; DDP still needs a gradient for its parameters.
        return value + sum(parameter.sum() * 0 for parameter in self.loss.parameters() if parameter.requires_grad)
