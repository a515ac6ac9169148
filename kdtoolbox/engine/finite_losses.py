"""A loss that is not finite changes no weights, and is reported."""

import math
from collections.abc import Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import Literal

import torch
from mmengine.dist import all_reduce, get_rank, get_world_size
from mmengine.hooks import Hook
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.runner import Runner
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from kdtoolbox.host_reads import HostCopy
from kdtoolbox.registry import HOOKS
from kdtoolbox.safe_files import save_aside

FOLDER = 'not_finite'  # in the work directory
NUM_NAMED = 8  # clips in a message


@HOOKS.register_module()
class FiniteLossHook(Hook):
    """Leave out every step whose loss is NaN or infinite, say which term and clips it was, and keep the batch.

    Neither weights nor optimizer nor the statistics of batch norm move in such a step, in none of the processes; with
    gradients accumulated over iterations, all those that would have made the step are left out. The batch is written to
    ``not_finite/iter_<iteration>_rank<rank>.pth`` in the work directory: ``inputs``, ``sample_ids``, ``labels`` and
    ``losses``.

    Args:
        action: 'stop' ends the training after ``patience`` such steps in a row; 'skip' goes on however many there are.
        patience: in steps.
        num_saved: so many batches are kept in a run.

    Raises:
        ValueError: the training is to be ended; or the weights that are to be saved are not finite.
    """

    priority = 'VERY_HIGH'  # before a mean teacher takes the statistics, and before checkpoints

    def __init__(self, *, action: Literal['stop', 'skip'] = 'stop', patience: int = 10, num_saved: int = 3) -> None:
        if action not in ('stop', 'skip') or patience < 1:
            raise ValueError(
                f"FiniteLossHook: action={action!r}, patience={patience}; expected 'stop' or 'skip', and 1 or more"
            )
        self.action = action
        self.patience = patience
        self.num_saved = num_saved
        self._in_a_row = self._num_left_out = 0
        self._is_finite: list[HostCopy] = []  # of the losses of this iteration
        self._statistics: list[tuple[Tensor, Tensor]] = []
        self._last_step: tuple[list[str], dict[str, Tensor | float]] = ([], {})  # its clips, and its losses

    def before_train(self, runner: Runner) -> None:
        for wrapper in _wrappers(runner):
            self._watch(wrapper)

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch=None) -> None:
        self._is_finite = []
        self._statistics = [(buffer, buffer.clone()) for buffer in _statistics(runner.model)]

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch=None, outputs=None) -> None:
        self._last_step = (
            _sample_ids(data_batch),
            {
                name: value.detach() if isinstance(value, Tensor) else value
                for name, value in (outputs or {}).items()
                if name.startswith('loss_')
            },
        )
        if _all_true(self._is_finite):
            self._in_a_row = 0
            return
        for buffer, before in self._statistics:
            buffer.copy_(before)
        self._in_a_row += 1
        self._num_left_out += 1
        words = _words(runner.iter + 1, data_batch, outputs or {})
        if self._num_left_out <= self.num_saved:
            words += f'; the batch is in {_save(runner, data_batch, outputs or {})}'
        runner.logger.warning(
            f'{words}. This step is left out ({self._in_a_row} in a row, {self._num_left_out} in all)'
        )
        if self.action == 'stop' and self._in_a_row >= self.patience:
            raise ValueError(
                f'{words}; so were the last {self._in_a_row} steps, and the training is stopped. Lower the learning '
                'rate, clip gradients (optim_wrapper.clip_grad), warm up, or look at the clips. '
                "default_hooks.finite_losses=dict(type='FiniteLossHook', action='skip') would go on"
            )

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        bad = [
            name
            for name, value in checkpoint['state_dict'].items()
            if value.is_floating_point() and not value.isfinite().all()
        ]
        if bad:
            raise ValueError(
                f'after iteration {runner.iter}{_words_of_last(*self._last_step)} {len(bad)} tensors of the model are '
                f'not finite, such as {bad[0]}: no checkpoint is written of them, and the training is stopped. Go on '
                'from the last one (--resume) with a lower learning rate, or clip gradients (optim_wrapper.clip_grad)'
            )

    def _watch(self, wrapper: OptimWrapper) -> None:
        """Have the wrapper look at each loss before its gradients count; mmengine has no hook between the two.

        Whether there is a step is the host's decision, so it waits for the loss: after the backward pass is queued,
        with which the device is busy meanwhile.
        """
        backward, step = wrapper.backward, wrapper.step
        since_step: list[HostCopy] = []  # of this optimizer's losses

        def watched_backward(loss: Tensor, **options) -> None:
            copy = HostCopy(_all_finite(loss))
            since_step.append(copy)
            self._is_finite.append(copy)
            backward(loss, **options)

        @wraps(step)  # with what mmengine's schedulers left on it, or they warn that the steps are not counted
        def watched_step(**options) -> None:
            wrapper.is_left_out = not _all_true(since_step)  # type: ignore[attr-defined]  # for a mean teacher's hook
            if not wrapper.is_left_out:  # type: ignore[attr-defined]
                step(**options)
            since_step.clear()

        wrapper.backward, wrapper.step = watched_backward, watched_step


def _wrappers(runner: Runner) -> list[OptimWrapper]:
    wrapper = runner.optim_wrapper
    return list(wrapper.optim_wrappers.values()) if isinstance(wrapper, OptimWrapperDict) else [wrapper]


def _all_true(copies: list[HostCopy]) -> bool:
    return all(bool(copy.value()) for copy in copies)


def _all_finite(loss: Tensor) -> Tensor:
    """1 if a loss is finite in all processes, whose gradients are averaged, else 0, on its device."""
    finite = loss.detach().isfinite().all().to(torch.int32).reshape(1)
    if get_world_size() > 1:
        all_reduce(finite, op='min')
    return finite


def _statistics(model: nn.Module) -> list[Tensor]:
    return [
        buffer
        for module in model.modules()
        if isinstance(module, _BatchNorm) and module.training
        for buffer in module.buffers(recurse=False)
    ]


def _words(iteration: int, batch: Mapping, outputs: Mapping) -> str:
    bad = [name for name, value in _numbers(outputs).items() if not math.isfinite(value) and name != 'loss']
    return (
        f'iteration {iteration}: {", ".join(bad) or "the loss of another process"} is not finite, of the clips '
        f'{", ".join(_sample_ids(batch))}'
    )


def _words_of_last(clips: Sequence[str], losses: Mapping[str, Tensor | float]) -> str:
    """Which losses the last step had, of which clips; nothing where there was none."""
    if not clips:
        return ''
    terms = ', '.join(f'{name} {value:.3g}' for name, value in _numbers(losses).items())
    named = ', '.join(clips[:NUM_NAMED]) + (' …' if len(clips) > NUM_NAMED else '')
    return f' ({terms or "no losses"}, of the clips {named})'


def _numbers(outputs: Mapping) -> dict[str, float]:
    return {
        name: float(value.detach() if isinstance(value, Tensor) else value)
        for name, value in outputs.items()
        if not isinstance(value, Tensor) or value.numel() == 1
    }


def _sample_ids(batch: Mapping) -> list[str]:
    return [str(sample.get('sample_id')) for sample in batch['data_samples']]


def _save(runner: Runner, batch: Mapping, outputs: Mapping) -> Path:
    file = Path(runner.work_dir) / FOLDER / f'iter_{runner.iter + 1}_rank{get_rank()}.pth'
    labels = [sample.get('gt_labels') for sample in batch['data_samples']]
    content = dict(
        inputs=batch['inputs'],
        sample_ids=_sample_ids(batch),
        labels=[None if one is None else one.item.tolist() for one in labels],
        losses=_numbers(outputs),
    )
    save_aside(content, file)
    return file
