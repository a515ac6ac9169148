"""Tells the training data which epoch it is."""

from collections.abc import Iterator

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


@HOOKS.register_module()
class SetDatasetEpochHook(Hook):
    """Calls ``set_epoch`` of every training data set that has it, before each pass over the data.

    The data sets of kdtoolbox derive their augmentation from it: without the hook all epochs are augmented alike.
    With RepeatDataset the repeats within one epoch are; train for more epochs instead.
    """

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
