"""What a user wants to know of a method before choosing it; listed by ``kdtoolbox list`` and docs/methods.md."""

from dataclasses import dataclass

NEEDS = ('labels', 'logits', 'vectors', 'maps', 'frames', 'several taps', 'batch', 'sample ids', 'student classifier',
         'teacher classifier', 'learned parts', 'memory bank', 'pre-stage')


@dataclass(frozen=True)
class MethodCard:
    """Facts about a registered method, as its class attribute ``card``; the one line about it is its docstring's first.

    Args:
        paper: authors, venue or year, arXiv number.
        needs: some of :data:`NEEDS`: what the method takes beside one tensor of each side, or of what kind those are.
        paper_weight: the weight in the paper or the authors' code, with its convention where that is not the mean.
        our_weight: what that is here, where losses are means over all elements unless their docstring says otherwise.
        checked_against: methods of the reference manifest, or in words what else the tests compare with.
        min_batch_size: fewer clips than that leave the loss undefined or constant.
        min_classes: likewise for classes.

    Raises:
        ValueError: an unknown need.
    """

    paper: str
    needs: tuple[str, ...]
    paper_weight: str = '1'
    our_weight: str = '1'
    checked_against: tuple[str, ...] = ()
    min_batch_size: int = 1
    min_classes: int = 1

    def __post_init__(self) -> None:
        if unknown := set(self.needs) - set(NEEDS):
            raise ValueError(f'needs {sorted(unknown)}: expected some of {NEEDS}')
