"""Randomness that depends on the epoch alone."""

from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop, Runner, set_random_seed

from kdtoolbox.registry import HOOKS


@HOOKS.register_module()
class EpochSeedHook(Hook):
    """Seed Python's, NumPy's and torch's generators anew at the start of every training epoch.

    The seed is made of the run's seed, the epoch and the process's rank. So the random state at the start of an epoch
    needs no saving, and a run that is resumed there goes on exactly as the one that was not interrupted. A loop by
    iterations has no such points: resumed, it goes on with other random numbers than it would have.
    """

    priority = 'VERY_HIGH'

    def before_train_epoch(self, runner: Runner) -> None:
        # Large odd factors keep the seeds of neighbouring runs, epochs and ranks apart.
        by_epoch = isinstance(runner.train_loop, EpochBasedTrainLoop)
        position = runner.epoch if by_epoch else runner.iter
        set_random_seed((runner.seed * 1_000_003 + position * 10_007 + get_rank()) % 2**32)
