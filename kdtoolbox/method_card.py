"""What a user wants to know of a method before choosing it; listed by ``kdtoolbox list`` and docs/methods.md."""

from collections.abc import Iterator
from dataclasses import dataclass

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

NEEDS = (
    'labels',
    'logits',
    'vectors',
    'maps',
    'frames',
    'several taps',
    'batch',
    'batch statistics',
    'sample ids',
    'student classifier',
    'teacher classifier',
    'learned parts',
    'memory bank',
    'pre-stage',
)
OF_THE_WHOLE_BATCH = {'batch', 'batch statistics', 'memory bank'}


@dataclass(frozen=True)
class MethodCard:
    """Facts about a registered method, as its class attribute ``card``; the one line about it is its docstring's first.

    Args:
        paper: authors, venue or year, arXiv number.
        needs: some of :data:`NEEDS`: what the method takes beside one tensor of each side, or of what kind those are.
        paper_weight: the weight in the paper or the authors' code, with its convention where that is not the mean.
        our_weight: what that is here, where losses are means over all elements unless their docstring says otherwise.
        checked_against: methods of the reference manifest, or in words what else the tests compare with.
        min_batch_size: fewer clips than that, in all processes together, leave the loss undefined or constant.
        min_elements: likewise for the elements of a channel in one process's batch, over clips, time and space; of
            losses with statistics of the channels.
        min_classes: likewise for classes.
        min_steps: likewise for time steps.

    Raises:
        ValueError: an unknown need.
    """

    paper: str
    needs: tuple[str, ...]
    paper_weight: str = '1'
    our_weight: str = '1'
    checked_against: tuple[str, ...] = ()
    min_batch_size: int = 1
    min_elements: int = 1
    min_classes: int = 1
    min_steps: int = 1

    def __post_init__(self) -> None:
        if unknown := set(self.needs) - set(NEEDS):
            raise ValueError(f'needs {sorted(unknown)}: expected some of {NEEDS}')

    @property
    def mixes_clips(self) -> bool:
        """Whether the loss of a clip depends on the other clips, so that none can be left out of a batch."""
        return max(self.min_batch_size, self.min_elements) > 1 or bool(OF_THE_WHOLE_BATCH & set(self.needs))

    @property
    def least(self) -> list[str]:
        """The least numbers above 1, in words.

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


def cards(loss: nn.Module) -> Iterator[MethodCard]:
    """The card of a loss and of those it wraps, of each that has one."""
    while isinstance(loss, nn.Module):
        if card := getattr(loss, 'card', None):
            yield card
        loss = getattr(loss, 'loss', None)


def mixes_clips(loss: nn.Module) -> bool:
    """Whether the loss of a clip depends on the other clips: by the cards, or by a batch norm inside.

    >>> mixes_clips(nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)))
    True
    """
    return any(card.mixes_clips for card in cards(loss)) or any(isinstance(part, _BatchNorm) for part in loss.modules())
