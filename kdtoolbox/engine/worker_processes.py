"""The ends of data-loading processes."""

from mmengine.runner import Runner
from torch.utils.data import DataLoader


def end_workers(runner: Runner) -> None:
    """Have the workers that outlive an epoch end by themselves, each removing its sockets.

    Python would kill them when it ends, as of torch 2.12: DataLoader does nothing then (its ``__del__``). Where a
    program goes on, the collector of garbage waits 5 seconds for each of them: it takes their queues away first. A
    loader can be used again: it starts new workers.
    """
    for loop in (runner._train_loop, runner._val_loop, runner._test_loop):
        for holder in (getattr(loop, 'dataloader', None), getattr(loop, 'dataloader_iterator', None)):
            iterator = getattr(holder, '_iterator', None)
            if shut_down := getattr(iterator, '_shutdown_workers', None):
                shut_down()
                if isinstance(holder, DataLoader):
                    holder._iterator = None
