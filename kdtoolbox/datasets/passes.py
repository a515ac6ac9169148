"""Samplers whose indices carry the number of their pass over the data set: one without end, and one that repeats."""

from collections.abc import Iterator, Sized

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


@DATA_SAMPLERS.register_module()
class RepeatedSampler(mmengine.dataset.DefaultSampler):
    """mmengine's sampler of an epoch; each video comes several times in a row, and is augmented differently each time.

    Repeated augmentation (Hoffer et al., CVPR 2020, arXiv:1901.09335), as in the fine-tuning of UMT, MVD and AMD
    (``num_sample``): a batch has several views of a video. Here these differ in their frames as well. An epoch, and
    with it the number of steps, becomes as many times longer: a batch size that is as many times larger keeps it.

    Args:
        dataset: to take samples from.
        times: number of views of each video in an epoch.
        shuffle: whether videos come in random order.
        seed: of the order; the same in all processes.
        round_up: whether all processes get as many, by repeating the first videos.

    Raises:
        ValueError: ``times`` is below 1.

    >>> sampler = RepeatedSampler(['a', 'b'], times=2, shuffle=False)
    >>> len(sampler), [(int(index), index.number) for index in sampler]
    (4, [(0, 0), (0, 1), (1, 0), (1, 1)])
    """

    def __init__(
        self, dataset: Sized, *, times: int, shuffle: bool = True, seed: int | None = None, round_up: bool = True
    ) -> None:
        if times < 1:
            raise ValueError(f'RepeatedSampler times={times}: expected 1 or more')
        super().__init__(dataset, shuffle=shuffle, seed=seed, round_up=round_up)
        self.times = times

    def __iter__(self) -> Iterator[IndexInPass]:
        for index in super().__iter__():
            for repeat in range(self.times):
                yield IndexInPass(index, number=self.epoch * self.times + repeat)

    def __len__(self) -> int:
        return super().__len__() * self.times
