"""Zero-shot logits of an ensemble of prompts at each time step: ours, after CLIP, Radford et al., ICML 2021."""

import torch
from torch import Tensor

from kdtoolbox.losses.embeddings.text_features import load_text_features, text_similarity
from kdtoolbox.losses.embeddings.text_logits import TextLogits
from kdtoolbox.losses.logits.kl_divergence import kl_divergence
from kdtoolbox.losses.shared.frame_vectors import frame_vectors, require_equal_steps, unit_vectors
from kdtoolbox.losses.shared.full_precision import in_full_precision_of_any_shape
from kdtoolbox.method_card import from_paper
from kdtoolbox.registry import register_loss


def ensemble(text: Tensor, classes: list[str]) -> tuple[Tensor, list[str]]:
    """The mean of the prompts of each class, scaled to length 1, as CLIP's own evaluation takes it.

    Args:
        text: (P, D), of length 1 each: one row for each prompt.
        classes: P names; the prompts of a class share its name.

    Returns:
        (K, D) and the K names, in the order of their first prompts.

    >>> ensemble(torch.eye(3), ['run', 'run', 'jump'])[0]
    tensor([[0.7071, 0.7071, 0.0000],
            [0.0000, 0.0000, 1.0000]])
    """
    names = list(dict.fromkeys(classes))
    rows = [[row for row, name in enumerate(classes) if name == one] for one in names]
    return unit_vectors(torch.stack([text[of_class].mean(0) for of_class in rows]), dim=1), names


@in_full_precision_of_any_shape
def prompt_logits(student: Tensor, teacher: Tensor, *, text: Tensor, logit_scale: float = 100.0) -> Tensor:
    """KL divergence of ``softmax(scale * cos(embedding, text))`` at each time step; mean over clips and steps.

    Args:
        student: (N, D, T), or maps (N, D, T, H, W), averaged over space.
        teacher: (N, D, T), in the space of the texts.
        text: (K, D), of length 1 each.

    Raises:
        ValueError: the two sides differ in N or T, or the channels are not the texts'.

    >>> student, teacher = torch.tensor([[[1., 1.], [1., 0.]]]), torch.tensor([[[9., 9.], [0., 0.]]])
    >>> prompt_logits(student, teacher, text=torch.eye(2))  # undecided at the first of two steps
    tensor(0.3466)
    """
    student, teacher = frame_vectors(student), frame_vectors(teacher)
    require_equal_steps(student, teacher)
    logits, goal = (
        (logit_scale * text_similarity(side.transpose(1, 2), text)).flatten(0, 1) for side in (student, teacher)
    )
    return kl_divergence(logits, goal)


@from_paper('ours, after CLIP: Radford et al., ICML 2021, arXiv:2103.00020')
@register_loss(needs=('frames',), checked_against=('torch.nn.functional.kl_div in a loop over steps',))
class PromptLogits(TextLogits):
    """Match zero-shot class probabilities of an ensemble of prompts over time, see :func:`prompt_logits`.

    What an image model says of each moment is kept, where ``TextLogits`` compares the clip as a whole.

    Args:
        text_features: file of the texts, see :func:`load_text_features`, of the teacher's own text encoder; the prompts
            of a class are rows with its name.
        logit_scale: factor of the cosines, an inverse temperature.

    Raises:
        ValueError: the file has no text features, or the scale is not above 0.
    """

    function = staticmethod(prompt_logits)

    @staticmethod
    def load(text_features: str) -> tuple[Tensor, list[str]]:
        text, classes = ensemble(*load_text_features(text_features))
        if len(classes) < 2:
            raise ValueError(f'text features {text_features}: prompts of {classes} alone, expected two classes')
        return text, classes
