"""Method cards: paper, inputs and minimum sizes of a loss, shown by ``kdtoolbox list`` and docs/methods.md."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:  # the cards are listed without torch
    from torch import nn

Class = TypeVar('Class', bound=type)
NEEDS = (
    'labels',
    'logits',
    'vectors',
    'maps',
    'frames',
    'tokens',
    'several taps',
    'batch',
    'batch statistics',
    'sample ids',
    'student classifier',
    'teacher classifier',
    'learned parts',
    'hidden tokens',
    'memory bank',
    'pre-stage',
)
MIN_ELEMENTS = 3  # two elements always become -1 and 1 when they are standardized
OF_THE_WHOLE_BATCH = {'batch', 'batch statistics', 'memory bank'}


@dataclass(frozen=True)
class MethodCard:
    """Facts about a loss from ``@from_paper(...)`` and ``@register_loss(...)``, its class attribute ``card``.

    The summary is the first line of the docstring of the loss.

    Args:
        paper: authors, venue or year, arXiv number.
        needs: some of :data:`NEEDS`: the kind of tensors that the loss takes, and its further inputs.
        paper_weight: the weight in the paper or the authors' code; with the reduction, if that is not the mean.
        our_weight: the same weight here, where losses are means over all elements unless their docstring says
            otherwise.
        checked_against: names of reference implementations that the tests compare with, or another check, in words.
        min_batch_size: minimum number of clips in the batch of all processes; with fewer the loss is undefined or
            constant.
        min_elements: minimum number of elements of a channel in the batch of one process, over clips, time and space;
            for losses with channel statistics.
        min_classes: minimum number of classes.
        min_steps: minimum number of time steps.
        only_visible: whether the loss uses the teacher's tokens at those positions alone that the student sees, so that
            a teacher cache need not read the others.

    Raises:
        ValueError: an unknown need.
    """

    paper: str
    needs: tuple[str, ...]
    paper_weight: str = '1'
    our_weight: str = 'the same'
    checked_against: tuple[str, ...] = ()
    min_batch_size: int = 1
    min_elements: int = 1
    min_classes: int = 1
    min_steps: int = 1
    only_visible: bool = False

    def __post_init__(self) -> None:
        if unknown := set(self.needs) - set(NEEDS):
            raise ValueError(f'needs {sorted(unknown)}: expected some of {NEEDS}')

    def of_paper(self, reference: str, *, weight: str = '1', our_weight: str = 'the same') -> MethodCard:
        """The same card with a paper, see :func:`from_paper`."""
        return replace(self, paper=reference, paper_weight=weight, our_weight=our_weight)

    @property
    def mixes_clips(self) -> bool:
        """Whether the loss of a clip depends on the other clips, so that a gate cannot leave clips out."""
        return max(self.min_batch_size, self.min_elements) > 1 or bool(OF_THE_WHOLE_BATCH & set(self.needs))

    @property
    def least(self) -> list[str]:
        """The minimum sizes above 1, in words.

        >>> MethodCard(paper='-', needs=(), min_batch_size=2, min_classes=3).least
        ['2 clips a batch or more', '3 classes or more']
        """
        words = {
            'clips a batch or more': self.min_batch_size,
            'clips a process or more where it gets vectors': self.min_elements,
            'classes or more': self.min_classes,
            'time steps or more': self.min_steps,
        }
        return [f'{number} {what}' for what, number in words.items() if number > 1]


def registered_card(*, needs: tuple[str, ...], **facts: Any) -> MethodCard:
    """The card that ``@register_loss(...)`` makes, of a loss that is ours as long as no paper is named.

    Args:
        needs: see :class:`MethodCard`; with batch statistics ``min_elements`` is :data:`MIN_ELEMENTS` if not given.
        facts: ``checked_against`` and the minimum sizes, see there.

    Raises:
        ValueError: an unknown need.

    >>> registered_card(needs=('maps', 'batch statistics')).least
    ['3 clips a process or more where it gets vectors']
    """
    least: dict[str, Any] = {'min_elements': MIN_ELEMENTS} if 'batch statistics' in needs else {}
    return MethodCard(paper='ours', needs=needs, **{**least, **facts})


def from_paper(reference: str, *, weight: str = '1', our_weight: str = 'the same') -> Callable[[Class], Class]:
    """Decorator above ``@register_loss(...)``: the paper of a loss; without it, the loss is called ours.

    Args:
        reference: authors, venue or year, arXiv number.
        weight: ``paper_weight``, see :class:`MethodCard`.
        our_weight: likewise.

    Raises:
        ValueError: it is not above ``@register_loss(...)``, which makes the card.

    >>> @from_paper('Somebody, 2026', weight='3e3')
    ... class OfNothing:
    ...     card = MethodCard(paper='ours', needs=())
    >>> OfNothing.card.paper, OfNothing.card.paper_weight
    ('Somebody, 2026', '3e3')
    """

    def put(loss: Class) -> Class:
        if (card := vars(loss).get('card')) is None:
            raise ValueError(f'{loss.__name__} has no card yet: @from_paper(...) is to be above @register_loss(...)')
        loss.card = card.of_paper(reference, weight=weight, our_weight=our_weight)  # type: ignore[attr-defined]
        return loss

    return put


def cards(loss: nn.Module) -> Iterator[MethodCard]:
    """The cards of a loss and of the losses that it wraps."""
    from torch import nn

    wrapped: object = loss
    while isinstance(wrapped, nn.Module):
        if card := getattr(wrapped, 'card', None):
            yield card
        wrapped = getattr(wrapped, 'loss', None)


def mixes_clips(loss: nn.Module) -> bool:
    """Whether the loss of a clip depends on the other clips: according to the cards, or because of a batch norm inside.

    >>> from torch import nn
    >>> mixes_clips(nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)))
    True
    """
    from torch.nn.modules.batchnorm import _BatchNorm

    return any(card.mixes_clips for card in cards(loss)) or any(isinstance(part, _BatchNorm) for part in loss.modules())
