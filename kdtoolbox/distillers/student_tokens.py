"""The part of a distiller that decides which tokens its student sees."""

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from kdtoolbox.criterion.term import Term
from kdtoolbox.hidden_tokens import AttentionTokens, VisibleTokens, grid_of, transformer_of
from kdtoolbox.host_reads import to_device
from kdtoolbox.method_card import cards
from kdtoolbox.registry import MODELS

TASK_SEES = ('all', 'visible')


def checked_tokens(config: Mapping | None, student: nn.Module, *, task_sees: str) -> VisibleTokens | None:
    """Build what chooses the visible tokens; None without a config.

    Raises:
        ValueError: the student has no tokens that can be left out, or an option is out of range.
    """
    if task_sees not in TASK_SEES:
        raise ValueError(f'task_sees={task_sees!r}: expected one of {", ".join(map(repr, TASK_SEES))}')
    if config is None:
        if task_sees != 'all':
            raise ValueError(f'task_sees={task_sees!r} without student_tokens: all tokens are visible')
        return None
    transformer_of(student)
    chosen = MODELS.build(dict(config))
    if not isinstance(chosen, VisibleTokens):
        raise ValueError(
            f'student_tokens of type {type(chosen).__name__}: expected RandomTokens, TubeTokens or AttentionTokens'
        )
    return chosen


def attention_paths(tokens: VisibleTokens | None) -> list[str]:
    """The teacher's attention that is needed, as the path of a tap; none for other choices."""
    return [tokens.path] if isinstance(tokens, AttentionTokens) else []


def require_attention(teacher: nn.Module) -> None:
    """Check that a teacher can give its attention.

    Raises:
        ValueError: it is of a kind that never does.
    """
    if 'class_attention' not in getattr(teacher, 'outputs_without_path', ()):
        raise ValueError(
            f'AttentionTokens: a {type(teacher).__name__} gives no attention: take an ImageTeacher or an '
            'EmbeddingTeacher of a ViT with a class token, or RandomTokens or TubeTokens'
        )


def refuse_without_hidden(term: Term, tokens: VisibleTokens | None) -> None:
    """Refuse a loss that predicts hidden tokens where none is hidden.

    Raises:
        ValueError: it is one.
    """
    if any('hidden tokens' in card.needs for card in cards(term.loss)) and (tokens is None or tokens.keep == 1):
        raise ValueError(
            f'term {term.name!r}: {type(term.loss).__name__} predicts hidden tokens, but the student sees all: give '
            "the distiller student_tokens=dict(type='TubeTokens', keep=0.1), or another share below 1"
        )


def draw_hidden(
    tokens: VisibleTokens,
    student: nn.Module,
    inputs: Tensor,
    sample_ids: Sequence[str | None],
    answers: Mapping[str, Tensor],
) -> Tensor | None:
    """The hidden tokens (N, L) of a batch, True where the student sees nothing; None where it sees all."""
    # The student computes as many tokens as are drawn, on the host: with AttentionTokens it waits for the teacher.
    weights = tokens.weights_in(answers).cpu() if isinstance(tokens, AttentionTokens) else None
    hidden = tokens(grid_of(student, inputs), sample_ids, weights=weights)
    return None if hidden is None else to_device(hidden, inputs.device)
