"""Class attention transfer based knowledge distillation, Guo et al., CVPR 2023, arXiv:2304.12777."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kdtoolbox.losses.shared.feature_maps import require_maps
from kdtoolbox.losses.shared.frame_vectors import unit_vectors
from kdtoolbox.losses.shared.full_precision import in_full_precision_of_any_shape, method_in_full_precision
from kdtoolbox.losses.shared.learned_maps import as_clip_map
from kdtoolbox.losses.shared.option_checks import checked_positive
from kdtoolbox.method_card import from_paper
from kdtoolbox.registry import register_loss


@in_full_precision_of_any_shape
def cat_kd(student: Tensor, teacher: Tensor, *, resolution: int = 2, normalize: bool = True) -> Tensor:
    """Mean squared difference of pooled class activation maps, each divided by its length; mean over all elements.

    A map of zeros gets no gradient.

    Space is averaged over ``resolution`` x ``resolution`` parts. Time, which the paper does not have, is averaged over
    as many parts, or fewer if one of the maps has fewer steps.

    Args:
        student: class activation maps (N, K, T, H, W).
        teacher: likewise; it may differ in T, H and W.
        normalize: False leaves the pooled maps as they are.

    Raises:
        ValueError: the maps are of other samples or classes.

    >>> same_but_louder = torch.rand(2, 3, 4, 8, 8)
    >>> cat_kd(same_but_louder, 5 * same_but_louder).round(decimals=6)
    tensor(0.)
    """
    if student.shape[:2] != teacher.shape[:2]:
        raise ValueError(
            f'class activation maps of the student {tuple(student.shape)} and the teacher '
            f'{tuple(teacher.shape)} must be of the same N clips and K classes: give the teacher a probe '
            "with the student's classes (tools/fit_probe.py)"
        )
    size = (min(resolution, student.shape[2], teacher.shape[2]), resolution, resolution)
    student, teacher = (F.adaptive_avg_pool3d(maps, size).flatten(2) for maps in (student, teacher))
    if normalize:
        student, teacher = unit_vectors(student, dim=2), unit_vectors(teacher, dim=2)
    return F.mse_loss(student, teacher)


def class_activation_maps(features: Tensor, classifier: nn.Module) -> Tensor:
    """Class activation maps: the classifier without bias, applied at each position.

    Args:
        features: (N, C, H, W) or (N, C, T, H, W), what is averaged before the classifier.
        classifier: linear, from C features to K logits.

    Returns:
        (N, K, T, H, W).

    Raises:
        ValueError: the features are no maps, or have other channels than the classifier takes.

    >>> classifier = nn.Linear(2, 1)
    >>> features = torch.rand(1, 2, 1, 3, 3)
    >>> maps = class_activation_maps(features, classifier)
    >>> torch.allclose(maps.mean((2, 3, 4)) + classifier.bias, classifier(features.mean((2, 3, 4))))
    True
    """
    require_maps(features)
    num_inputs = getattr(classifier, 'in_features', features.shape[1])
    if features.shape[1] != num_inputs:
        raise ValueError(
            f'a map of {tuple(features.shape)} has {features.shape[1]} channels, but the classifier takes '
            f'{num_inputs}: tap the last map before the pooling, without a connector'
        )
    places = as_clip_map(features, channels=num_inputs, side='').movedim(1, -1)
    return (classifier(places) - classifier(torch.zeros_like(places[:1, :1, :1, :1]))).movedim(-1, 1)


@from_paper('Guo et al., CVPR 2023, arXiv:2304.12777', weight='400, mean over all elements')
@register_loss(needs=('maps', 'student classifier', 'teacher classifier'), checked_against=('cat_kd', 'cat_kd_full'))
class CATKD(nn.Module):
    """Match the teacher's class activation maps (CAT-KD), see :func:`cat_kd`.

    Each network's class activation maps are made from its last map before pooling and its own classifier. The student's
    classifier gets gradient too.

    Args:
        resolution: parts in each direction that the maps are averaged over.
        normalize: False compares maps that are not divided by their lengths.

    Raises:
        ValueError: the resolution is below 1.
    """

    def __init__(self, *, resolution: int = 2, normalize: bool = True) -> None:
        super().__init__()
        self.resolution = checked_positive(resolution, 'resolution')
        self.normalize = normalize

    @method_in_full_precision
    def forward(
        self, student: Tensor, teacher: Tensor, student_classifier: nn.Module, teacher_classifier: nn.Module
    ) -> Tensor:
        return cat_kd(
            class_activation_maps(student, student_classifier),
            class_activation_maps(teacher, teacher_classifier),
            resolution=self.resolution,
            normalize=self.normalize,
        )
