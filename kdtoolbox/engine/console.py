"""What a run shows on the console: what was resolved, how far it is, a line an epoch; the log file has everything."""

import logging
import math
import sys
import time
from collections.abc import Mapping
from datetime import datetime, timedelta

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.logging import MMLogger
from mmengine.runner import BaseLoop, IterBasedTrainLoop, Runner
from torch import nn

from kdtoolbox import terminal
from kdtoolbox.engine.fully_sharded import FullyShardedStudent
from kdtoolbox.engine.preflight import refuse_no_batch
from kdtoolbox.engine.run_summary import summary_of_test, summary_of_training
from kdtoolbox.engine.worker_processes import end_workers

# mmengine 0.10.7 says these of its own use of them; drop when its hooks use file backends.
NOISE = ('"FileClient" will be deprecated', '"HardDiskBackend" is the alias')
# With paramwise_cfg, mmengine 0.10.7 says this of each frozen tensor.
FROZEN = 'is skipped since its requires_grad=False'
MAX_EPOCH_LINES = 50  # of a training: with more epochs, a line stands for several
_TIMES_OF_RUNS: set[str] = set()  # of this process
TIME_FORMAT = '%Y%m%d_%H%M%S'  # mmengine's, of a run's log folder
NO_LOSS = ('time', 'data_time', 'memory', 'lr', 'base_lr', 'momentum')


class ConsoleHandler(logging.Handler):
    """Shows warnings, errors, and what kdtoolbox itself logs, in its own words; not what libraries say of themselves.

    What is said again word by word, such as the number of videos in each validation, is shown once. With ``--verbose``
    there is everything that the log file has, with ``--quiet`` warnings and errors alone.
    """

    def __init__(self, level: int) -> None:
        super().__init__(level)
        self.stream = sys.stderr  # mmengine's MLflow tracker asks every handler whether its stream is open
        self._shown: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        is_warning = record.levelno >= logging.WARNING
        is_ours = '/kdtoolbox/' in record.pathname and message not in self._shown and not terminal.is_quiet()
        if (is_warning or is_ours or terminal.is_verbose()) and not _is_noise(message):
            self._shown.add(message)
            terminal.say(f'{record.levelname.lower()}: {message}' if is_warning else message)


def _is_noise(message: str) -> bool:
    return message.startswith(NOISE) or message.endswith(FROZEN)


def quiet_log(name: str) -> None:
    """A log of this name that shows warnings alone: without one, building a network logs each of its tensors."""
    _on_our_console(MMLogger.get_instance(name, log_level='WARNING'))


def _on_our_console(logger: logging.Logger) -> logging.Logger:
    for index, handler in enumerate(logger.handlers):
        if type(handler) is logging.StreamHandler:
            logger.handlers[index] = ConsoleHandler(handler.level)
            logger.handlers[index].filters = handler.filters
    return logger


class ConsoleRunner(Runner):
    """mmengine's runner with our console."""

    _timestamp: str  # set by mmengine

    def setup_env(self, env_cfg: dict) -> None:
        """As mmengine; a run has a log, a history of losses and a folder of its own.

        mmengine names them by the second in which a run starts: two short runs of one process would share them.
        """
        super().setup_env(env_cfg)
        while self._timestamp in _TIMES_OF_RUNS:
            next_second = datetime.strptime(self._timestamp, TIME_FORMAT) + timedelta(seconds=1)
            self._timestamp = next_second.strftime(TIME_FORMAT)
        _TIMES_OF_RUNS.add(self._timestamp)

    def build_logger(self, *args, **kwargs) -> logging.Logger:
        """The log file as mmengine writes it; on the console :class:`ConsoleHandler`."""
        return _on_our_console(super().build_logger(*args, **kwargs))

    def build_train_loop(self, loop: BaseLoop | dict) -> BaseLoop:
        """As mmengine; an epoch without a batch is refused before a schedule counts its steps.

        Raises:
            ValueError: it has none.
        """
        built = super().build_train_loop(loop)
        refuse_no_batch(built.dataloader)
        return built

    def train(self) -> nn.Module:
        """As mmengine; the workers have ended then, also after an error."""
        try:
            return super().train()
        finally:
            end_workers(self)

    def val(self) -> dict[str, float]:
        """As mmengine; the workers have ended then."""
        try:
            return super().val()
        finally:
            end_workers(self)

    def test(self) -> dict[str, float]:
        """As mmengine; the workers have ended then."""
        try:
            return super().test()
        finally:
            end_workers(self)

    def save_checkpoint(self, *args, save_optimizer: bool = True, **kwargs) -> None:
        """As mmengine, in the first process; the others give their parts of what is sharded."""
        if not is_main_process() and isinstance(self.model, FullyShardedStudent):
            self.model.module.state_dict()  # in the order in which mmengine asks for them
            if save_optimizer:
                self.optim_wrapper.state_dict()
        super().save_checkpoint(*args, save_optimizer=save_optimizer, **kwargs)

    def resume(self, filename: str, *args, **kwargs) -> None:
        """As mmengine; a checkpoint whose parts are not those of this training is one message.

        Raises:
            ValueError: it is.
        """
        try:
            super().resume(filename, *args, **kwargs)
        except (ValueError, TypeError, AttributeError, LookupError) as error:
            if _is_ours(error):
                raise
            words = f'{type(error).__name__}: {error}'.splitlines()[0][:300]
            raise ValueError(
                f'{filename} is not one that this training can go on from ({words}). To start from its weights: '
                '--cfg-options load_from=CHECKPOINT, without --resume'
            ) from error


def _is_ours(error: BaseException) -> bool:
    """Whether kdtoolbox raised it, in words for users."""
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    return frame is not None and frame.tb_frame.f_globals.get('__name__', '').startswith('kdtoolbox.')


class ConsoleHook(Hook):
    """Prints the summary of a run, its progress, and a line for each epoch, or for several of many, and validation."""

    priority = 'LOWEST'

    def __init__(self) -> None:
        self._bar: terminal.Progress | None = None
        self._steps_told = 0  # up to this step, losses are in a line that was printed
        self._start_seconds = time.monotonic()

    def before_train(self, runner: Runner) -> None:
        _print_summary(runner.experiment_name, summary_of_training(runner))
        self._steps_told, self._start_seconds = runner.iter, time.monotonic()
        self._bar = terminal.Progress(runner.max_iters, what='steps', done=runner.iter)

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch=None, outputs=None) -> None:
        assert self._bar is not None, 'made before training'
        self._bar.update(_position(runner, steps_done=runner.iter + 1, epochs_done=runner.epoch + 1))

    def after_train_epoch(self, runner: Runner) -> None:
        if not _goes_by_epoch(runner) or _validates_after(runner, epoch := runner.epoch + 1):
            return
        if epoch % math.ceil(runner.max_epochs / MAX_EPOCH_LINES) == 0:
            self._print_line(runner, _position(runner, epochs_done=epoch))

    def after_val_epoch(self, runner: Runner, metrics: Mapping[str, float] | None = None) -> None:
        self._print_line(runner, _position(runner), validation=metrics)

    def after_train(self, runner: Runner) -> None:
        if self._steps_told < runner.iter:
            self._print_line(runner, _position(runner))
        if self._bar is not None:
            self._bar.close()

    def before_test(self, runner: Runner) -> None:
        _print_summary(runner.experiment_name, summary_of_test(runner))

    def after_test_epoch(self, runner: Runner, metrics: Mapping[str, float] | None = None) -> None:
        terminal.say(terminal.table_text([(name, f'{value:.4f}') for name, value in (metrics or {}).items()]))

    def _print_line(self, runner: Runner, position: str, *, validation: Mapping[str, float] | None = None) -> None:
        """The mean losses since the last line, the seconds it took, and what the validation gave."""
        steps = runner.train_loop.iter - self._steps_told
        seconds, self._start_seconds = time.monotonic() - self._start_seconds, time.monotonic()
        self._steps_told = runner.train_loop.iter
        parts = [_losses(runner, steps), f'{seconds:.0f} s']
        if validation:
            shown = [f'{name} {value:.4g}' for name, value in validation.items() if 'chance' not in name]
            parts.append(f'validation {", ".join(shown)}')
        if not (terminal.is_quiet() or terminal.is_verbose()):  # whose log says it in other words
            terminal.say(f'{position}: {"; ".join(parts)}')


def _print_summary(title: str, rows: list[tuple[str, str]]) -> None:
    if not terminal.is_quiet():
        terminal.say(f'{title}\n{terminal.table_text(rows, num_left=2)}\n')


def _goes_by_epoch(runner: Runner) -> bool:
    return not isinstance(runner.train_loop, IterBasedTrainLoop)


def _validates_after(runner: Runner, epoch: int) -> bool:
    """Whether mmengine's loop validates when so many epochs are done."""
    loop = runner.train_loop
    return (
        runner.val_loop is not None
        and epoch >= loop.val_begin
        and (epoch % loop.val_interval == 0 or epoch == runner.max_epochs)
    )


def _position(runner: Runner, *, steps_done: int | None = None, epochs_done: int | None = None) -> str:
    if _goes_by_epoch(runner):
        return f'epoch {runner.epoch if epochs_done is None else epochs_done}/{runner.max_epochs}'
    return f'step {runner.iter if steps_done is None else steps_done}/{runner.max_iters}'


def _losses(runner: Runner, steps: int) -> str:
    """Means over the last steps of what the model gave, and the learning rate."""
    scalars = {
        name.removeprefix('train/'): history
        for name, history in runner.message_hub.log_scalars.items()
        if name.startswith('train/')
    }
    means = [f'{name} {history.mean(max(1, steps)):.4g}' for name, history in scalars.items() if name not in NO_LOSS]
    rate = [f'lr {scalars["lr"].current():.3g}'] if 'lr' in scalars else []
    return ', '.join(means + rate)
