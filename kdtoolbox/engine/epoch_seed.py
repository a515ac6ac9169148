"""A hook that makes the random numbers of a training step depend on seed, step and rank only."""

from collections.abc import Iterable, Iterator, Sized
from typing import cast

from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop, Runner, set_random_seed
from torch.utils.data import BatchSampler, Sampler

from kdtoolbox.registry import HOOKS


@HOOKS.register_module()
class EpochSeedHook(Hook):
    """Seed the random generators of Python, NumPy and torch before every training step.

    The seed is made of the run's seed, the number of the step and the process's rank. So no random state must be saved,
    and a resumed run continues exactly like an uninterrupted one, in loops by epochs and by iterations. It is set after
    the batch was loaded, because a loader draws from torch's generator when it starts its workers, and without workers
    maybe for each sample.

    A loop by epochs that is resumed inside an epoch, from a checkpoint saved by iterations, continues with the rest of
    that epoch; mmengine would start it again.
    """

    priority = 'VERY_HIGH'

    def before_train_epoch(self, runner: Runner) -> None:
        self._seed(runner)  # for what is drawn while the first batch is loaded
        if isinstance(runner.train_loop, EpochBasedTrainLoop):
            _go_on_within_the_epoch(runner)

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch=None) -> None:
        self._seed(runner)

    def after_train_epoch(self, runner: Runner) -> None:
        batches = runner.train_dataloader.batch_sampler
        if isinstance(getattr(batches, 'sampler', None), _Rest):
            batches.sampler = batches.sampler.whole

    def _seed(self, runner: Runner) -> None:
        # Large odd factors keep the seeds of neighbouring runs, steps and ranks apart.
        set_random_seed((runner.seed * 1_000_003 + runner.iter * 10_007 + get_rank()) % 2**32)


class _Rest(Sampler):
    """A sampler without its first indices, as long as the whole, since the loader's length is what epochs go by."""

    def __init__(self, whole: Iterable[int], *, start: int) -> None:
        self.whole = whole
        self.start = start

    def set_epoch(self, epoch: int) -> None:
        """That of the whole, which sets its order."""
        if hasattr(self.whole, 'set_epoch'):
            self.whole.set_epoch(epoch)

    def __iter__(self) -> Iterator[int]:
        return iter(list(self.whole)[self.start :])

    def __len__(self) -> int:
        return len(cast(Sized, self.whole))


def _go_on_within_the_epoch(runner: Runner) -> None:
    loader = runner.train_dataloader
    num_done = runner.iter - runner.epoch * len(loader)
    if num_done <= 0:
        return
    batches = loader.batch_sampler
    if not isinstance(batches, BatchSampler):
        raise ValueError(
            f'the checkpoint was written within an epoch, {num_done} batches into it, but a '
            f'{type(batches).__name__} cannot skip them: resume from a checkpoint of a whole epoch'
        )
    batches.sampler = _Rest(batches.sampler, start=num_done * batches.batch_size)
