"""A training that is told to end writes a checkpoint first."""

import os
import signal
import sys
import threading
from types import FrameType

import torch
from mmengine.dist import all_reduce, get_world_size, is_main_process
from mmengine.hooks import EMAHook, Hook
from mmengine.optim import OptimWrapperDict
from mmengine.runner import EpochBasedTrainLoop, Runner

from kdtoolbox.engine.checkpoint_saving import CheckpointHook
from kdtoolbox.registry import HOOKS

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Interrupted(KeyboardInterrupt):
    """A training ended because a signal asked for it, in all its processes at the same step.

    Attributes:
        signal: its number.
    """

    is_of_all_processes = True

    def __init__(self, number: int, message: str) -> None:
        super().__init__(message)
        self.signal = number


@HOOKS.register_module()
class InterruptHook(Hook):
    """At SIGTERM, as job schedulers send it, or SIGINT (Ctrl-C): finish the step, write a checkpoint, end.

    ``--resume`` goes on there exactly. The checkpoint is ``interrupted.pth``; the next regular one takes its place.
    With gradients accumulated over iterations, the optimizer's step is waited for. In a validation it ends between two
    batches and the validation is made up for when the training is resumed, see ``ValidateOnResumeHook``. With several
    processes a signal to one of them ends all, at the same step. A second Ctrl-C ends at once, without a checkpoint.

    Raises:
        Interrupted: with the number of the signal.
    """

    priority = 'LOWEST'  # the step is done for all the others

    def __init__(self) -> None:
        self._number = 0
        self._process = 0
        self._handlers: dict = {}

    def before_train(self, runner: Runner) -> None:
        if threading.current_thread() is threading.main_thread():
            self._process = os.getpid()
            self._handlers = {number: signal.signal(number, self._note) for number in SIGNALS}

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch=None, outputs=None) -> None:
        number = self._asked()
        by_epoch = isinstance(runner.train_loop, EpochBasedTrainLoop)
        is_last = batch_idx + 1 == len(runner.train_dataloader) if by_epoch else runner.iter + 1 == runner.max_iters
        if number and not is_last and not _gradients_wait(runner):
            self._end(runner, number, epoch=runner.epoch, iteration=runner.iter + 1)

    def after_train_epoch(self, runner: Runner) -> None:
        number = self._asked()
        if number and isinstance(runner.train_loop, EpochBasedTrainLoop) and not _gradients_wait(runner):
            self._end(runner, number, epoch=runner.epoch + 1, iteration=runner.iter)

    def after_val_iter(self, runner: Runner, batch_idx: int, data_batch=None, outputs=None) -> None:
        if not self._handlers:
            return  # not within a training
        number = self._asked()
        if number and not _gradients_wait(runner):
            self._end(runner, number, epoch=runner.epoch, iteration=runner.iter, in_validation=True)

    def after_train(self, runner: Runner) -> None:
        self._give_back()

    def _note(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() != self._process:
            return  # a worker, which Ctrl-C reaches too: its clips are still wanted
        if self._number and number == signal.SIGINT:
            self._give_back()
            raise KeyboardInterrupt
        self._number = number
        words = f'\n{signal.Signals(number).name}: the training ends after this step, with a checkpoint\n'
        if sys.__stderr__ is not None:
            os.write(sys.__stderr__.fileno(), words.encode())  # print is not safe in a handler

    def _asked(self) -> int:
        """The number of the signal that any process got; 0 for none."""
        if get_world_size() == 1:
            return self._number
        number = torch.tensor([self._number])
        all_reduce(number, op='max')
        return int(number)

    def _end(self, runner: Runner, number: int, *, epoch: int, iteration: int, in_validation: bool = False) -> None:
        hook = next((hook for hook in runner.hooks if isinstance(hook, CheckpointHook)), None)
        # In a validation mmengine's EMAHook has the averages in the model's place: no state to go on from.
        if hook is not None and not (in_validation and any(isinstance(one, EMAHook) for one in runner.hooks)):
            hook.save_interrupted(runner, epoch=epoch, iteration=iteration)
        if is_main_process():
            runner.visualizer.close()
        self._give_back()
        kept = (
            f'its checkpoint is {hook.last_ckpt}' if hook is not None and hook.last_ckpt else 'there is no checkpoint'
        )
        raise Interrupted(number, f'interrupted ({signal.Signals(number).name}) after iteration {iteration}; {kept}')

    def _give_back(self) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        self._handlers = {}


def _gradients_wait(runner: Runner) -> bool:
    """Whether gradients of past iterations wait for their step: they are in no checkpoint."""
    wrapper = runner.optim_wrapper
    wrappers = wrapper.optim_wrappers.values() if isinstance(wrapper, OptimWrapperDict) else [wrapper]
    return not all(one.should_update() for one in wrappers)
