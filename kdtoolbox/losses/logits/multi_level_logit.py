"""Multi-level logit distillation, Jin, Wang & Lin, CVPR 2023."""

from collections.abc import Sequence
from functools import reduce
from operator import add

from torch import Tensor, nn

from kdtoolbox.losses.logits.kl_divergence import kl_divergence
from kdtoolbox.losses.shared.full_precision import in_full_precision
from kdtoolbox.losses.shared.gathering import gather_batch, require_clips
from kdtoolbox.losses.shared.input_checks import require_logits
from kdtoolbox.losses.shared.option_checks import checked_temperature
from kdtoolbox.method_card import from_paper
from kdtoolbox.registry import register_loss

MIN_CLIPS = 2


@in_full_precision
def batch_level(student: Tensor, teacher: Tensor, *, temperature: float) -> Tensor:
    """``|P_t P_t' - P_s P_s'|^2 / N``: the products of samples, with softened probabilities P (N, K).

    No factor temperature^2.

    >>> import torch
    >>> batch_level(torch.zeros(2, 2), torch.tensor([[0., 99.], [99., 0.]]), temperature=1.0)
    tensor(0.5000)
    """
    student, teacher = _probabilities(student, temperature), _probabilities(teacher, temperature)
    return (teacher @ teacher.T - student @ student.T).square().sum() / len(student)


@in_full_precision
def class_level(student: Tensor, teacher: Tensor, *, temperature: float) -> Tensor:
    """``|P_t' P_t - P_s' P_s|^2 / K``: the products of classes, with softened probabilities P (N, K).

    No factor temperature^2. The products are sums over the samples, as in the paper:
    the value grows with the square of their number.

    >>> import torch
    >>> class_level(torch.zeros(2, 2), torch.tensor([[0., 99.], [99., 0.]]), temperature=1.0)
    tensor(0.5000)
    """
    student, teacher = _probabilities(student, temperature), _probabilities(teacher, temperature)
    return (teacher.T @ teacher - student.T @ student).square().sum() / student.shape[1]


def _probabilities(logits: Tensor, temperature: float) -> Tensor:
    """Softened probabilities, one row for each sample; each frame of (N, T', K) is a sample."""
    require_logits(logits)
    return (logits / temperature).softmax(-1).flatten(0, -2)


def multi_level_logit(student: Tensor, teacher: Tensor, *, temperatures: Sequence[float] = (2, 3, 4, 5, 6)) -> Tensor:
    """KL divergence, :func:`batch_level` and :func:`class_level`, summed over temperatures (prediction augmentation).

    The authors' code uses a weak and a strong augmentation of each sample. It adds the KL divergence of the strong one,
    and for the weak one drops samples and classes on which the teacher is more confident than the median. Here there is
    one view, and all samples of all processes are used.

    Args:
        student: logits (N, K), or (N, T', K): then every frame is a sample.
        teacher: of the student's shape.

    Raises:
        ValueError: the shapes differ or are not those of logits, or there is one sample or class only.
    """
    student, teacher = gather_batch(student), gather_batch(teacher.detach())
    require_clips(len(student), min_clips=MIN_CLIPS)
    levels = [
        level(student, teacher, temperature=temperature)
        for temperature in temperatures
        for level in (kl_divergence, batch_level, class_level)
    ]
    return reduce(add, levels)


@from_paper('Jin, Wang & Lin, CVPR 2023', weight='0.9')
@register_loss(
    needs=('logits', 'batch'),
    checked_against=('mlld_batch', 'mlld_class', 'mlld_full', 'lskd_mlld_full'),
    min_batch_size=MIN_CLIPS,
    min_classes=2,
)
class MultiLevelLogit(nn.Module):
    """Match the teacher's probabilities of samples, between samples and between classes, see :func:`multi_level_logit`.

    Args:
        temperatures: each divides the logits of both once.

    Raises:
        ValueError: there is no temperature, or one is not above 0.
    """

    def __init__(self, *, temperatures: Sequence[float] = (2, 3, 4, 5, 6)) -> None:
        super().__init__()
        if not temperatures:
            raise ValueError('temperatures is empty: expected at least one, as in temperatures=(2, 3, 4, 5, 6)')
        self.temperatures = tuple(checked_temperature(temperature) for temperature in temperatures)

    def forward(self, student: Tensor, teacher: Tensor) -> Tensor:
        return multi_level_logit(student, teacher, temperatures=self.temperatures)
