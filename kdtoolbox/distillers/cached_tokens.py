"""Reading the tokens of a cached teacher after the draw, and of them only those that the student's loss looks at."""

from collections.abc import Iterable, Mapping
from typing import Any, cast

import torch
from torch import Tensor, nn

from kdtoolbox.connectors.needed_tokens import needed_tokens, only_moves_tokens
from kdtoolbox.criterion.connections import paths_of
from kdtoolbox.criterion.term import Term
from kdtoolbox.hidden_tokens import VisibleTokens
from kdtoolbox.host_reads import on_host


class CachedTokens:
    """The taps that are read after the draw: stored tokens of which every term uses the visible positions alone.

    Args:
        tokens: which of its tokens the student sees; None for all.
        teachers: name -> teacher; those with a method ``read`` (CachedTeacher) can be read in part.
        terms: all of the distiller.
    """

    def __init__(self, tokens: VisibleTokens | None, teachers: Mapping[str, nn.Module], terms: Iterable[Term]) -> None:
        self.taps: dict[str, set[str]] = {}
        if tokens is None or tokens.keep == 1:
            return
        users: dict[str, list[Term]] = {}
        for term in terms:
            for path in paths_of(term.teacher):
                users.setdefault(path, []).append(term)
        for name, teacher in teachers.items():
            taps = {path.removeprefix(f'{name}.') for path in users if not name or path.startswith(f'{name}.')}
            late = {
                tap
                for tap in taps
                if hasattr(teacher, 'read')
                and cast(Any, teacher).num_tokens(tap) is not None
                and all(map(_uses_visible_positions_alone, users[_full(name, tap)]))
            }
            if late:
                self.taps[name] = late

    def early(self, name: str, teacher: nn.Module) -> set[str] | None:
        """The taps of a teacher that are read before the draw; None for one that is run or read as a whole."""
        return set(cast(Any, teacher).listened) - self.taps[name] if name in self.taps else None

    def read(
        self,
        teachers: Mapping[str, nn.Module],
        frames: Mapping[str, Any],
        active: Iterable[Term],
        hidden: Tensor | None,
    ) -> dict[str, Tensor]:
        """The late taps of the active terms, by the terms' paths; positions that no term looks at are 0.

        Args:
            teachers: name -> teacher.
            frames: name -> what its view gives of a batch.
            active: the terms of this step.
            hidden: (N, L), True where the student sees nothing; None for nowhere.
        """
        answers: dict[str, Tensor] = {}
        for name, late in self.taps.items():
            teacher: Any = teachers[name]
            wanted: dict[str, Tensor | None] = {}
            for term in active:
                for tap in (tap for tap in late if _full(name, tap) in paths_of(term.teacher)):
                    found = None if hidden is None else _needed(term, ~on_host(hidden), teacher, tap, frames[name])
                    known = wanted.get(tap, found)
                    wanted[tap] = None if known is None or found is None else torch.logical_or(known, found)
            if wanted:
                tokens = {tap: mask for tap, mask in wanted.items() if mask is not None}
                found_taps = teacher.read(frames[name], list(wanted), tokens)
                answers |= {_full(name, tap): answer for tap, answer in found_taps.items()}
        return answers


def _full(name: str, tap: str) -> str:
    return f'{name}.{tap}' if name else tap


def _uses_visible_positions_alone(term: Term) -> bool:
    card = vars(type(term.loss)).get('card')  # its own: a subclass of UMT may look at other positions
    return bool(getattr(card, 'only_visible', False)) and only_moves_tokens(term.teacher_connector)


def _needed(term: Term, visible: Tensor, teacher: Any, tap: str, frames: Any) -> Tensor | None:
    return needed_tokens(
        term.teacher_connector, visible, num_frames=frames.shape[1], num_tokens=teacher.num_tokens(tap)
    )
