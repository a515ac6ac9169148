"""A hook that passes the epoch to the training data sets."""

from collections.abc import Iterator

from mmengine.dataset import ConcatDataset, InfiniteSampler, RepeatDataset
from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop, Runner

from kdtoolbox.registry import HOOKS


def datasets_in(dataset) -> Iterator:
    """The data sets inside of mmengine's wrappers (ConcatDataset, RepeatDataset, ClassBalancedDataset), or itself."""
    inner = getattr(dataset, 'datasets', None) or ([dataset.dataset] if hasattr(dataset, 'dataset') else [])
    if not inner:
        yield dataset
    for one in inner:
        yield from datasets_in(one)


def _wrappers_without_passes(dataset) -> set[str]:
    inner = getattr(dataset, 'datasets', None) or ([dataset.dataset] if hasattr(dataset, 'dataset') else [])
    own = {type(dataset).__name__} if inner and not isinstance(dataset, (ConcatDataset, RepeatDataset)) else set()
    return own.union(*map(_wrappers_without_passes, inner))


@HOOKS.register_module()
class SetDatasetEpochHook(Hook):
    """Calls ``set_epoch`` of every training data set that has it, before each pass over the data.

    The data sets of kdtoolbox derive their augmentation from it: without the hook all epochs have the same
    augmentation. With RepeatDataset, the repeats within one epoch have the same: take RepeatedSampler instead.

    A sampler without end starts its next pass while workers still load the last one. There each index must carry its
    pass, as in kdtoolbox's InfiniteSampler, and no wrappers except ConcatDataset and RepeatDataset are allowed.

    Raises:
        ValueError: a sampler without end has indices that do not carry their pass.
    """

    def before_train(self, runner: Runner) -> None:
        loader = runner.train_dataloader
        asking = [dataset for dataset in datasets_in(loader.dataset) if hasattr(dataset, 'set_epoch')]
        sampler = getattr(loader.batch_sampler, 'sampler', None)
        if not asking or not isinstance(sampler, InfiniteSampler):
            return
        if not getattr(sampler, 'tells_pass', False):
            raise ValueError(
                f'the indices of {type(sampler).__module__}.InfiniteSampler do not tell their pass over the '
                "data, by which clips are augmented: take kdtoolbox's, sampler=dict(type="
                "'kdtoolbox.InfiniteSampler', shuffle=True)"
            )
        if wrappers := sorted(_wrappers_without_passes(loader.dataset)):
            raise ValueError(
                f'an InfiniteSampler does not reach the clips through {", ".join(wrappers)}, so that passes '
                "would be augmented alike: take sampler=dict(type='DefaultSampler', shuffle=True)"
            )

    def before_train_epoch(self, runner: Runner) -> None:
        by_epoch = isinstance(runner.train_loop, EpochBasedTrainLoop)
        self._set(runner, runner.epoch if by_epoch else runner.iter // len(runner.train_dataloader))

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch=None, outputs=None) -> None:
        # A loop by iterations begins its next pass unannounced, when the next batch is asked for.
        if not isinstance(runner.train_loop, EpochBasedTrainLoop):
            self._set(runner, (runner.iter + 1) // len(runner.train_dataloader))

    def _set(self, runner: Runner, epoch: int) -> None:
        for dataset in datasets_in(runner.train_dataloader.dataset):
            if hasattr(dataset, 'set_epoch'):
                dataset.set_epoch(epoch)
