"""Fully sharded training: each process keeps its part of weights, gradients and optimizer."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import cast

import torch
from mmengine.dist import get_world_size
from mmengine.hooks import EMAHook, Hook
from mmengine.model import BaseModel
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.runner import Runner
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.optim import Optimizer

from kdtoolbox.engine.ema_teacher import EMATeacherHook
from kdtoolbox.registry import HOOKS, MODEL_WRAPPERS


@MODEL_WRAPPERS.register_module()
class FullyShardedStudent(nn.Module):
    """torch's FSDP2 (``fully_shard``) for a student that does not fit beside its gradients and optimizer.

    Each process keeps a part of every weight, of its gradient and of what the optimizer remembers of it. Before a block
    of the student computes, its weights are gathered, and let go afterwards; all else that is trained (stem, head,
    connectors) is gathered for the length of a step. Frozen teachers are whole in every process. Numbers are those of
    data parallel training, and so are checkpoints: they hold whole tensors, and are loaded and resumed with any number
    of processes, with or without this wrapper.

    The model is whole until the training begins: weights are drawn or loaded and :class:`PreflightHook` tries its step
    before :meth:`shard`. In a single process mmengine leaves wrappers out, and nothing is sharded.

    Args:
        module: a distiller, or a recognizer.
        blocks: names of the classes of the blocks, such as ``('BasicBlock3d',)``; default: the members of the outermost
            ``ModuleList`` and ``Sequential`` of the backbone that have weights.
    """

    def __init__(self, module: BaseModel, *, blocks: Sequence[str] | None = None) -> None:
        super().__init__()
        self.module = module
        self.blocks = None if blocks is None else tuple(blocks)

    def forward(self, *args, **kwargs):
        """The model's."""
        return self.module(*args, **kwargs)

    def train_step(self, data, optim_wrapper: OptimWrapper) -> dict[str, Tensor]:
        """As mmengine's data parallel training."""
        with optim_wrapper.optim_context(self):
            data = self.module.data_preprocessor(data, training=True)
            losses = self.module(**data, mode='loss')
        loss, log = self.module.parse_losses(losses)
        optim_wrapper.update_params(loss)
        return log

    def val_step(self, data) -> list:
        """The model's."""
        return self.module.val_step(data)

    def test_step(self, data) -> list:
        """The model's."""
        return self.module.test_step(data)

    @contextmanager
    def no_sync(self) -> Iterator[None]:
        """Leave gradients whole and of this process, for accumulation."""
        self._set_sync(False)
        try:
            yield
        finally:
            self._set_sync(True)

    def shard(self, optimizer: Optimizer) -> None:
        """Shard the model, and the optimizer that was built for it, whatever it has been loaded with.

        Raises:
            ValueError: a weight cannot be sharded, or this torch cannot shard on the device.
        """
        names = {weight: name for name, weight in self.module.named_parameters()}
        _check(names)
        device = next(self.module.parameters()).device.type
        if not can_shard_on(device):
            raise ValueError(
                f'FullyShardedStudent: torch {torch.__version__} cannot shard on the device {device!r}: train on GPUs, '
                'without this wrapper (model_wrapper_cfg=None), or with a newer torch'
            )
        mesh = init_device_mesh(device, (get_world_size(),))
        for block in blocks_of(self.module, self.blocks):
            fully_shard(block, mesh=mesh)
        fully_shard(self.module, mesh=mesh)
        sharded = dict(self.module.named_parameters())
        _follow(optimizer, {weight: sharded[name] for weight, name in names.items()})
        for module in self.module.modules():
            if any(True for _ in module.parameters(recurse=False)):
                module.register_state_dict_post_hook(_make_whole)
                module.register_load_state_dict_pre_hook(_take_part)
        optimizer.register_state_dict_post_hook(_make_states_whole)
        optimizer.register_load_state_dict_pre_hook(_take_part_of_states)

    def _set_sync(self, value: bool) -> None:
        if isinstance(self.module, FSDPModule):
            self.module.set_requires_gradient_sync(value)


@HOOKS.register_module()
class ShardingHook(Hook):
    """Shards a :class:`FullyShardedStudent` when all hooks have seen it whole; ``build_runner`` registers it.

    Raises:
        ValueError: the training has averages of the student, or a second player, neither of which is sharded.
    """

    priority = 'LOWEST'

    def before_train(self, runner: Runner) -> None:
        for hook in runner.hooks:
            if isinstance(hook, (EMAHook, EMATeacherHook)):
                raise ValueError(
                    f'FullyShardedStudent: {type(hook).__name__} averages whole weights: leave it out, or train '
                    'without this wrapper'
                )
        if isinstance(runner.optim_wrapper, OptimWrapperDict):
            raise ValueError('FullyShardedStudent is for one optimizer: train players of a game without this wrapper')
        runner.model.shard(runner.optim_wrapper.optimizer)


def can_shard_on(device: str) -> bool:
    """Whether torch has what sharding needs of a type of device; torch 2.6 has not, of a CPU."""
    return device != 'cpu' or hasattr(torch.cpu.Stream, 'record_event')


def blocks_of(model: nn.Module, classes: Sequence[str] | None = None) -> list[nn.Module]:
    """The modules whose weights are gathered one after the other, see :class:`FullyShardedStudent`.

    Raises:
        ValueError: there is none of these classes.
    """
    student = getattr(model, 'student', model)
    if classes is not None:
        found = [module for module in student.modules() if type(module).__name__ in classes]
        if not found:
            raise ValueError(
                f'FullyShardedStudent: the student has no module of the classes {list(classes)}; '
                f'it has {sorted({type(module).__name__ for module in student.modules()})}'
            )
        return found
    return list(_members(getattr(student, 'backbone', student)))


def _members(module: nn.Module) -> Iterator[nn.Module]:
    for child in module.children():
        if isinstance(child, (nn.ModuleList, nn.Sequential)):
            yield from (member for member in child if any(True for _ in member.parameters()))
        else:
            yield from _members(child)


def _check(names: dict[nn.Parameter, str]) -> None:
    for weight, name in names.items():
        if weight.dim() == 0 or not weight.is_contiguous():
            what = 'a single number' if weight.dim() == 0 else 'not contiguous, as channels_last=True makes it'
            raise ValueError(
                f'FullyShardedStudent: {name} is {what}, which torch does not shard. '
                + ('Take another loss' if weight.dim() == 0 else 'Leave channels_last out')
                + ', or train without this wrapper'
            )


def _follow(optimizer: Optimizer, sharded: dict[nn.Parameter, nn.Parameter]) -> None:
    """Have an optimizer step the sharded weights, with its part of what it remembers of the whole ones."""
    for group in optimizer.param_groups:
        group['params'] = [sharded[weight] for weight in group['params']]
    weights = cast('list[nn.Parameter]', list(optimizer.state))
    for weight in weights:
        state = optimizer.state.pop(weight)
        optimizer.state[sharded[weight]] = {key: _part(value, sharded[weight]) for key, value in state.items()}


def _part(value: object, like: Tensor) -> object:
    """This process's part of a tensor of the shape of a sharded one; anything else as it is."""
    if not isinstance(like, DTensor) or not isinstance(value, Tensor) or isinstance(value, DTensor):
        return value
    if value.shape != like.shape:
        return value
    return distribute_tensor(value.to(like.device), like.device_mesh, like.placements)


def _whole(value: object) -> object:
    return value.full_tensor() if isinstance(value, DTensor) else value


def _make_whole(module: nn.Module, state: dict, prefix: str, metadata: dict) -> None:
    for name, _ in module.named_parameters(recurse=False):
        state[f'{prefix}{name}'] = _whole(state[f'{prefix}{name}'].detach())


def _take_part(module: nn.Module, state: dict, prefix: str, *_) -> None:
    for name, weight in module.named_parameters(recurse=False):
        if f'{prefix}{name}' in state:
            state[f'{prefix}{name}'] = _part(state[f'{prefix}{name}'], weight)


def _make_states_whole(optimizer: Optimizer, content: dict) -> dict:
    states = {
        number: {key: _whole(value) for key, value in state.items()} for number, state in content['state'].items()
    }
    return {**content, 'state': states}


def _take_part_of_states(optimizer: Optimizer, content: dict) -> dict:
    weights = [weight for group in optimizer.param_groups for weight in group['params']]
    numbers = [number for group in content['param_groups'] for number in group['params']]
    like = dict(zip(numbers, weights))
    states = {
        number: {key: _part(value, like[number]) for key, value in state.items()}
        for number, state in content['state'].items()
    }
    return {**content, 'state': states}
