"""A sampler without end whose indices carry the number of their pass over the data set."""

from collections.abc import Iterator

import mmengine.dataset

from kdtoolbox.registry import DATA_SAMPLERS


class IndexInPass(int):
    """An index with the number of its pass over the data set.

    mmengine's ConcatDataset and RepeatDataset look for the sample at a difference or a remainder of the index, which
    belong to the same pass.

    >>> index = IndexInPass(7, number=2)
    >>> index - 4, (index - 4).number
    (3, 2)
    """

    number: int

    def __new__(cls, index: int, *, number: int) -> 'IndexInPass':
        self = super().__new__(cls, index)
        self.number = number
        return self

    def __getnewargs_ex__(self) -> tuple[tuple, dict]:
        return (int(self),), {'number': self.number}

    def __sub__(self, other: int) -> 'IndexInPass':
        return IndexInPass(int(self) - int(other), number=self.number)

    def __mod__(self, other: int) -> 'IndexInPass':
        return IndexInPass(int(self) % int(other), number=self.number)


@DATA_SAMPLERS.register_module()
class InfiniteSampler(mmengine.dataset.InfiniteSampler):
    """mmengine's sampler without end; each index carries its pass, so that each pass is augmented differently.

    Workers load ahead, so a message from the training loop would reach them too early or too late. A pass ends when all
    processes together have used every sample.
    """

    tells_pass = True

    def _indices_of_rank(self) -> Iterator[IndexInPass]:
        for position, index in enumerate(super()._indices_of_rank()):
            yield IndexInPass(index, number=(position * self.world_size + self.rank) // self.size)
