"""The ends of data-loading processes."""

from mmengine.runner import Runner


def end_workers(runner: Runner) -> None:
    """Have the workers that outlive an epoch end by themselves, each removing its sockets.

    Python would kill them when it ends, as of torch 2.12: DataLoader does nothing then (its ``__del__``).
    """
    for loop in (runner._train_loop, runner._val_loop, runner._test_loop):
        for holder in (getattr(loop, 'dataloader', None), getattr(loop, 'dataloader_iterator', None)):
            iterator = getattr(holder, '_iterator', None)
            if shut_down := getattr(iterator, '_shutdown_workers', None):
                shut_down()
