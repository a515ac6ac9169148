"""Losses and other numbers of the steps reach the log in one copy for many steps."""

from collections import defaultdict
from collections.abc import Callable

import torch
from mmengine.hooks import LoggerHook, RuntimeInfoHook
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.runner import Runner
from torch import Tensor

from kdtoolbox.registry import HOOKS

MAX_STEPS = 100  # that wait for their copy


@HOOKS.register_module()
class LoggedNumbersHook(RuntimeInfoHook):
    """mmengine's ``RuntimeInfoHook``, whose log gets the same numbers without the host waiting for each step.

    mmengine reads each loss, accuracy and gradient norm of each step from the device at the end of the step, so the
    host cannot prepare the next one meanwhile. Here they stay on the device until the logger writes a line, an epoch
    ends or a checkpoint is saved; the history in mmengine's message hub is then the same.
    """

    def __init__(self) -> None:
        super().__init__()
        self._steps: list[dict[str, object]] = []
        self._norms: dict[str, Tensor] = {}  # of the gradients, since the last step
        self._intervals: list[int] = []  # of loggers, in steps

    def before_train(self, runner: Runner) -> None:
        super().before_train(runner)
        self._intervals = [hook.interval for hook in runner.hooks if isinstance(hook, LoggerHook)]
        wrapper = runner.optim_wrapper
        for one in wrapper.optim_wrappers.values() if isinstance(wrapper, OptimWrapperDict) else [wrapper]:
            self._keep_norms(one)

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch=None, outputs=None) -> None:
        numbers = {f'train/{name}': value for name, value in {**self._norms, **(outputs or {})}.items()}
        self._norms = {}
        self._steps.append(
            {name: value.detach() if isinstance(value, Tensor) else value for name, value in numbers.items()}
        )
        if (
            len(self._steps) == MAX_STEPS
            or any(self.every_n_inner_iters(batch_idx, interval) for interval in self._intervals)
            or self.is_last_train_iter(runner)
            or self.end_of_epoch(runner.train_dataloader, batch_idx)
        ):
            self._pass_on(runner)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        self._pass_on(runner)

    def after_train(self, runner: Runner) -> None:
        self._pass_on(runner)
        super().after_train(runner)

    def before_val(self, runner: Runner) -> None:
        self._pass_on(runner)
        super().before_val(runner)

    def _pass_on(self, runner: Runner) -> None:
        steps, self._steps = self._steps, []
        for numbers, known in zip(steps, _read(steps)):
            for name in numbers:
                runner.message_hub.update_scalar(name, known[name])

    def _keep_norms(self, wrapper: OptimWrapper) -> None:
        """Have the wrapper clip as it does, and leave the norm of the gradients here, which it would read at once."""
        if not wrapper.clip_grad_kwargs:
            return
        clip: Callable = wrapper.clip_func

        def clipped(parameters, **options) -> None:
            norm = clip(parameters, **options)
            if norm is not None:
                self._norms[wrapper.grad_name] = norm

        wrapper.clip_func = clipped


def _read(steps: list[dict[str, object]]) -> list[dict[str, object]]:
    """The steps with numbers of the CPU in place of tensors; those of a device are read together."""
    known = [dict(step) for step in steps]
    of_devices: dict[torch.device, list[tuple[dict, str, Tensor]]] = defaultdict(list)
    for step in known:
        for name, value in step.items():
            if isinstance(value, Tensor):
                of_devices[value.device].append((step, name, value))
    for places in of_devices.values():
        together = torch.stack([value.reshape(()).double() for _, _, value in places]).tolist()
        for (step, name, _), value in zip(places, together):
            step[name] = value
    return known
