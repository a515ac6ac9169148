"""What networks cost: operations of one clip, counted without computing anything, and seconds on a device."""

import inspect
import json
import math
import time
import warnings
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from torch.utils.flop_counter import FlopCounterMode

from kdtoolbox.hidden_tokens import grid_of, hiding
from kdtoolbox.hidden_tokens.choosing import number_kept
from kdtoolbox.isolation import quiet_log
from kdtoolbox.registry import MODELS

CLIPS_TIMED = 2  # in one batch
ROUNDS_TIMED = 2
LOADED = ('weights', 'pretrained', 'checkpoint', 'probe', 'text_features', 'init_cfg', 'compile')
"""Settings that cost nothing but the time of loading."""
ANSWERS_ARE_STORED = 'CachedTeacher'  # its network does not run


def training_operations(student: Mapping, shape: tuple[int, ...], *, keep: float = 1.0) -> int:
    """Operations, a multiplication and an addition being two, of the student's forward and backward pass of one clip.

    Losses and connectors are left out: what they cost depends on the term, and is small beside the networks.

    Args:
        student: config of a recognizer.
        shape: (3, T, H, W) of the clip, as the student sees it.
        keep: share of its tokens that the student computes.
    """
    return _counted(_key(student), 'student', tuple(shape), with_gradient=True, keep=keep)


def inference_operations(student: Mapping, shape: tuple[int, ...]) -> int:
    """As :func:`training_operations`, of the forward pass alone."""
    return _counted(_key(student), 'student', tuple(shape), with_gradient=False)


def teacher_operations(teacher: Mapping, clip: tuple[int, ...], *, student: Mapping) -> int:
    """Operations of a teacher for one clip.

    Args:
        teacher: its config.
        clip: (3, T, H, W), as it is decoded.
        student: config of the student, whose kind an EMA teacher is.
    """
    kind = teacher.get('type')
    if kind == ANSWERS_ARE_STORED:
        return 0
    recognizer = student if kind == 'EMATeacher' else teacher.get('recognizer')
    if recognizer is not None:
        return inference_operations(recognizer, seen(clip, teacher.get('view')))
    return _counted(_key(teacher), 'teacher', tuple(clip), with_gradient=False)


def seen(clip: tuple[int, ...], view: Mapping | None) -> tuple[int, ...]:
    """Shape of the view of a clip (3, T, H, W).

    >>> seen((3, 16, 224, 224), dict(size=112, frame_stride=4))
    (3, 4, 112, 112)
    """
    if not view:
        return tuple(clip)
    size = view.get('size') or clip[2:]
    height, width = (size, size) if isinstance(size, int) else size
    return (clip[0], -(-clip[1] // view.get('frame_stride', 1)), height, width)


def seconds_of_a_clip(
    config: Mapping, clip: tuple[int, ...], device: torch.device, *, role: str, keep: float = 1.0
) -> float:
    """Seconds for one clip in a batch of two, the faster of two rounds.

    Args:
        config: of a recognizer, or of a teacher of its own.
        clip: (3, T, H, W), as the student sees it, or as it is decoded for a teacher.
        role: ``'training'``, ``'inference'`` or ``'teacher'``.
        keep: share of its tokens that the network computes.
    """
    with quiet_log():  # of random weights, which are meant
        network = MODELS.build(without_files(config)).to(device)
    run = _runner(network, role=role, shape=clip, device=device, num_clips=CLIPS_TIMED, keep=keep)
    best = float('inf')
    for is_warm in (False, *[True] * ROUNDS_TIMED):
        start = time.perf_counter()
        run()
        if device.type == 'cuda':
            torch.cuda.synchronize(device)
        best = min(best, time.perf_counter() - start) if is_warm else best
    return best / CLIPS_TIMED


def _runner(
    network: nn.Module, *, role: str, shape: tuple[int, ...], device: torch.device, num_clips: int, keep: float
) -> Callable[[], None]:
    if role == 'teacher':
        teacher: Any = network
        view = teacher.view
        frames = torch.zeros(num_clips, -(-shape[1] // view.frame_stride), 3, *view.size, device=device)
        if device.type == 'meta':  # for which there is no autocast, which forward() would enter
            return torch.no_grad()(lambda: teacher.run(frames))
        return lambda: teacher(frames)
    is_2d = type(network).__name__ == 'Recognizer2D'
    clips = torch.zeros(num_clips, *shape, device=device)
    inputs = clips.transpose(1, 2).contiguous() if is_2d else clips.unsqueeze(1)
    hidden = _hidden_tokens(network, inputs, keep=keep) if keep < 1 else None
    network.train(role == 'training')

    def run() -> None:
        with torch.set_grad_enabled(role == 'training'), hiding(network, hidden):
            logits: Tensor = network(inputs, mode='tensor', stage='head')
        if role == 'training':
            logits.sum().backward()

    return run


def _hidden_tokens(network: nn.Module, inputs: Tensor, *, keep: float) -> Tensor:
    """(N, L), on the CPU: which are hidden makes no difference to the cost, so the last ones."""
    total = math.prod(grid_of(network, inputs))
    visible = torch.arange(total, device='cpu') < number_kept(total, keep)
    return ~visible.expand(len(inputs), -1)


@lru_cache(maxsize=256)
def _counted(config: str, role: str, shape: tuple[int, ...], *, with_gradient: bool, keep: float = 1.0) -> int:
    role = 'teacher' if role == 'teacher' else 'training' if with_gradient else 'inference'
    network = _built(config)
    with torch.device('meta'):
        # Of two clips, as batch norm needs more than one value, halved.
        run = _runner(network, role=role, shape=shape, device=torch.device('meta'), num_clips=2, keep=keep)
        with FlopCounterMode(display=False) as counter, _NoStatistics():
            run()
    return counter.get_total_flops() // 2


@lru_cache(maxsize=2)
def _built(config: str) -> nn.Module:
    """Without memory; remembered, as the student of a run is counted in training and in validation."""
    with quiet_log():
        return build_without_memory(json.loads(config))


def build_without_memory(config: Mapping) -> nn.Module:
    """A network on the device ``'meta'``."""
    with torch.device('meta'), _NumbersOnTheCPU(), warnings.catch_warnings():
        warnings.filterwarnings('ignore', '.*from a non-meta parameter')  # of weights, which are not needed here
        return MODELS.build(dict(config)).to('meta')


class _NumbersOnTheCPU(TorchFunctionMode):
    """Ranges of numbers that a constructor reads, as mmaction2's VisionTransformer its rates of drop path."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        return func(*args, **({'device': 'cpu', **kwargs} if func is torch.linspace else kwargs))


class _NoStatistics(TorchFunctionMode):
    """A batch norm only scales: it counts as nothing, and without memory takes longer than all else of a network."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        return _scaled(*args, **kwargs) if func is functional.batch_norm else func(*args, **kwargs)


def _scaled(input: Tensor, mean: Tensor, variance: Tensor, weight: Tensor | None = None, *_, **__) -> Tensor:
    """``input`` (N, C, ...), with a gradient where its batch norm of the same arguments has one."""
    return input if weight is None else input * weight.view(-1, *[1] * (input.ndim - 2))


def _key(config: Mapping) -> str:
    """A config as text, for the cache, without files that would be loaded."""
    return json.dumps(without_files(config), sort_keys=True)


def without_files(config: Mapping) -> dict:
    """A copy of a config that builds with random weights; stays in that form what is no setting to load something."""

    def cleaned(value):
        if isinstance(value, Mapping):
            return {key: cleaned(item) for key, item in value.items() if key not in LOADED}
        return [cleaned(item) for item in value] if isinstance(value, (list, tuple)) else value

    plain = cleaned(config)
    takes = inspect.signature(MODELS.get(plain['type'])).parameters
    return {**plain, **({'weights': None} if 'weights' in takes else {})}
