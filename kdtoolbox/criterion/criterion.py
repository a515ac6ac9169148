"""The criterion: all terms of a distillation together."""

import inspect
from collections.abc import Mapping, Sequence
from typing import cast

from torch import Tensor, nn

from kdtoolbox.criterion.connections import paths_of
from kdtoolbox.criterion.gates import Kept
from kdtoolbox.criterion.network_runs import NetworkRuns
from kdtoolbox.criterion.schedule import scheduled_weight
from kdtoolbox.criterion.term import Term

__all__ = ['Criterion', 'Term', 'checked_terms', 'paths_of', 'scheduled_weight']


def checked_terms(terms: Mapping[str, Mapping]) -> dict[str, Mapping]:
    """Check the configs of the terms; those with weight 0 are left out.

    Args:
        terms: name -> arguments of :class:`Term`.

    Raises:
        ValueError: a name or an option is not one that a term can have.
    """
    allowed = set(inspect.signature(Term).parameters) - {'name'}
    for name, term in terms.items():
        if not name.isidentifier() or hasattr(nn.ModuleDict, name):
            raise ValueError(
                f'term {name!r}: not a usable name. Take letters, digits and underscores, and none of '
                "the names of nn.ModuleDict's own methods"
            )
        unknown = sorted(set(term) - allowed)
        if unknown or 'loss' not in term:
            raise ValueError(
                f'term {name!r}: {f"unknown {unknown}" if unknown else "has no loss"}; a term has loss '
                f'and may have {sorted(allowed - {"loss"})}'
            )
    return {name: term for name, term in terms.items() if term.get('weight', 1.0) != 0}


class Criterion(nn.Module):
    """All terms of a distillation.

    A term with weight 0 is left out: it is not built, its taps are not recorded.

    Args:
        terms: name -> arguments of :class:`Term`.
    """

    def __init__(self, terms: Mapping[str, Mapping]) -> None:
        super().__init__()
        self.terms = nn.ModuleDict({name: Term(name, **term) for name, term in checked_terms(terms).items()})

    def active(self, progress: float) -> list[Term]:
        """The terms whose weight is not 0 at this point of the training."""
        return [term for term in self.all() if term.weight_at(progress) != 0]

    def all(self) -> list[Term]:
        """All terms."""
        return [cast(Term, term) for term in self.terms.values()]

    def kept(self, teacher: Mapping[str, Tensor], labels: Tensor | None, *, progress: float) -> dict[str, Kept]:
        """The clips that the gates of active terms keep, by the names of the terms."""
        choices = {term.name: term.kept(teacher, labels) for term in self.active(progress)}
        return {name: choice for name, choice in choices.items() if choice is not None}

    def forward(
        self,
        student: Mapping[str, Tensor],
        teacher: Mapping[str, Tensor],
        *,
        labels: Tensor | None,
        sample_ids: Sequence[str] | None,
        progress: float,
        runs: NetworkRuns | None = None,
        hidden_tokens: Tensor | None = None,
        teacher_hidden_tokens: Mapping[str, Tensor] | None = None,
        clips: Tensor | None = None,
        kept: Mapping[str, Kept] | None = None,
    ) -> dict[str, Tensor]:
        """``loss_<name>``, the weighted loss of each active term, and ``gate_<name>``, the share of kept clips.

        Args:
            student: tap -> tensor.
            teacher: tap -> tensor.
            labels: (N,), -1 for none.
            sample_ids: N of them.
            progress: share of the training that is done, [0, 1].
            runs: the networks, for terms that use their classifiers or the times of their steps.
            hidden_tokens: (N, L), True where the student sees nothing; None for nowhere.
            teacher_hidden_tokens: name of a teacher -> (N, L), True where it computes nothing; '' for a single one.
            clips: (N, 3, T, H, W), the student's input.
            kept: what :meth:`kept` gave, if it was asked before.
        """
        extra: dict = {
            'labels': labels,
            'sample_ids': sample_ids,
            'progress': progress,
            'hidden_tokens': hidden_tokens,
            'clips': clips,
        }
        out = {}
        kept = self.kept(teacher, labels, progress=progress) if kept is None else kept
        for term in self.active(progress):
            extra['teacher_hidden_tokens'] = _of_teacher(term, teacher_hidden_tokens or {})
            choice = kept.get(term.name)
            out[f'loss_{term.name}'] = term.weight_at(progress) * term(student, teacher, extra, runs=runs, kept=choice)
            if choice is not None:
                out[f'gate_{term.name}'] = choice.share
        return out


def _of_teacher(term: Term, hidden: Mapping[str, Tensor]) -> Tensor | None:
    """The tokens that a term's teacher does not compute; None where it computes all."""
    names = {'' if '' in hidden else path.partition('.')[0] for path in paths_of(term.teacher)}
    return hidden.get(names.pop()) if len(names) == 1 else None
