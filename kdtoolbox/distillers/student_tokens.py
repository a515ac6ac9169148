"""The part of a distiller that decides which tokens its student sees."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from kdtoolbox.criterion.connections import paths_of
from kdtoolbox.criterion.term import Term
from kdtoolbox.hidden_tokens import AttentionTokens, VisibleTokens, clips_of, grid_of, transformer_of
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


@torch.compiler.disable  # on the host
def draw_hidden(
    tokens: VisibleTokens,
    student: nn.Module,
    inputs: Tensor,
    sample_ids: Sequence[str | None],
    answers: Mapping[str, Tensor],
) -> tuple[Tensor | None, dict[str, Tensor]]:
    """The hidden tokens (N, L) of a batch, True where the student sees nothing; None where it sees all.

    And name -> those that a teacher does not compute either.
    """
    # The student computes as many tokens as are drawn, on the host: with AttentionTokens it waits for the teacher.
    weights = tokens.weights_in(answers).cpu() if isinstance(tokens, AttentionTokens) else None
    grid = grid_of(student, inputs)
    hidden = tokens(grid, sample_ids, weights=weights)
    masks = tokens.of_teachers(grid, sample_ids, weights=weights)
    teachers = {name: to_device(mask, inputs.device) for name, mask in masks.items()}
    return (None if hidden is None else to_device(hidden, inputs.device)), teachers


def check_teacher_keep(tokens: VisibleTokens | None, teachers: Mapping[str, nn.Module], terms: Sequence[Term]) -> None:
    """Check that teachers which compute only a part of their tokens can, and that the losses know.

    Raises:
        ValueError: a teacher cannot, is not there, or a loss would take the tokens that it did not compute.
    """
    for name in (name for name, keep in (tokens.teacher_keep if tokens else {}).items() if keep < 1):
        if name not in teachers:
            raise ValueError(
                f'student_tokens teacher_keep {f"of {name!r}" if name else ""} is of no teacher: there are '
                f'{sorted(teachers)}; with several teachers write teacher_keep=dict(<teacher>=0.25)'
            )
        cast(Any, teachers[name]).check_hides()
        for term in terms:
            if not any(not name or path.startswith(f'{name}.') for path in paths_of(term.teacher)):
                continue
            knows = 'teacher_hidden_tokens' in term.extra_inputs or (
                'hidden_tokens' in term.extra_inputs
                and not any('hidden tokens' in card.needs for card in cards(term.loss))
            )
            if not knows:
                raise ValueError(
                    f'term {term.name!r}: with teacher_keep the teacher computes only a part of its tokens, and '
                    f'{type(term.loss).__name__} would learn the others, which are 0: take AMD or UMT, or drop '
                    'teacher_keep'
                )


def pixels_of(hidden: Tensor | None, student: nn.Module, inputs: Tensor) -> Tensor:
    """(N, T, H, W), True for the pixels of the tokens that are not hidden."""
    clips = clips_of(inputs)
    size = clips.shape[2:]
    if hidden is None:
        return torch.ones(len(clips), *size, dtype=torch.bool, device=clips.device)
    cells = hidden.view(len(clips), 1, *grid_of(student, inputs)).float()
    return F.interpolate(cells, size, mode='nearest')[:, 0] < 0.5
