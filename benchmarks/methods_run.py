"""One run of the contest of benchmarks/methods.py: a method's terms, a seed, and what is measured of them."""

import os
import resource
import shutil
import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from methods_data import EvaluationClips, TrainingClips
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.device import get_device
from mmengine.hooks import Hook
from mmengine.logging import MessageHub
from mmengine.model import BaseModel
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmengine.runner import Runner, set_random_seed
from torch import Tensor
from torch.utils.data import DataLoader

from kdtoolbox.inspection.term_report import examine
from kdtoolbox.registry import MODELS

TIMED_STEPS, WARMUP_STEPS = 9, 3


@dataclass(frozen=True)
class Clips:
    """What all runs share, in memory.

    Args:
        videos: of training, (V, T, H, W, 3), uint8.
        labels: (V,), of all of them, whether the training may know them or not.
        test: the gallery and the queries.
    """

    videos: np.ndarray
    labels: np.ndarray
    test: EvaluationClips


def model_of(config: Config, method: Mapping) -> dict:
    """The distiller of a method: the networks of the contest, the terms of the method.

    Args:
        method: ``terms`` and ``use_labels``.
    """
    return dict(config.model.to_dict(), terms=method['terms'], use_labels=method['use_labels'])


def run(config: Config, method: Mapping, clips: Clips, *, seed: int, folder: Path) -> dict[str, float | str]:
    """Train a student with a method, test it, and measure what a step costs.

    Args:
        folder: for this run's log while it lasts.

    Returns:
        The numbers of the leaderboard; of a method that fails ``error`` instead.
    """
    init_default_scope('kdtoolbox')
    torch.set_num_threads(1)
    start_seconds = time.perf_counter()
    try:
        measured = _measured(config, method, clips, seed=seed, folder=folder)
    except Exception as error:  # a method may fail in any way: it is listed with its error, and the contest goes on
        return {'error': f'{type(error).__name__}: {error}'}
    return {**measured, 'seconds': round(time.perf_counter() - start_seconds, 1)}


def _measured(config: Config, method: Mapping, clips: Clips, *, seed: int, folder: Path) -> dict[str, float]:
    training_clips = TrainingClips(clips.videos, clips.labels, config=config, seed=seed)
    trained = Trained(student_start(config, seed), config.steps // 2)
    work_dir = folder / f'run_{os.getpid()}'
    runner = Runner(
        model=model_of(config, method),
        work_dir=str(work_dir),
        experiment_name=f'run_{os.getpid()}_{time.time_ns()}',
        train_dataloader=DataLoader(training_clips, batch_size=config.batch_size, collate_fn=pseudo_collate),
        train_cfg=dict(type='IterBasedTrainLoop', max_iters=config.steps),
        optim_wrapper=config.optim_wrapper.to_dict(),
        param_scheduler=schedule(config.steps),
        custom_hooks=[trained],
        test_dataloader=DataLoader(clips.test, batch_size=32, collate_fn=pseudo_collate),
        test_cfg=dict(),
        test_evaluator=[dict(type='QueryAccuracy'), dict(type='ClipRetrieval', topk=(1,))],
        # None saves none: the student is tested and forgotten.
        default_hooks=dict(checkpoint=None, logger=dict(type='LoggerHook', interval=config.steps)),
        randomness=dict(seed=seed),
        default_scope='kdtoolbox',
        log_level='ERROR',
    )
    try:
        runner.train()
        metrics = runner.test()
    finally:
        shutil.rmtree(work_dir)
    return {
        'top1': metrics['acc/top1'],
        'retrieval1': metrics['retrieval/top1'],
        'memory_mib': trained.memory_mib,
        **side_by_side(config, method, trained, training_clips, seed),
    }


def schedule(steps: int) -> list[dict]:
    """A warm-up and a cosine, as the demo's."""
    warmup = max(1, steps // 20)
    return [
        dict(type='LinearLR', start_factor=0.1, begin=0, end=warmup, by_epoch=False),
        dict(type='CosineAnnealingLR', begin=warmup, end=steps, T_max=steps - warmup, by_epoch=False),
    ]


def student_start(config: Config, seed: int) -> dict[str, Tensor]:
    """The initial weights of the student: those of the seed, whatever parts a method makes around it."""
    set_random_seed(seed)
    student = MODELS.build(config.model.student.to_dict())
    student.init_weights()
    return student.state_dict()


class Trained(Hook):
    """Starts every student from the same weights, and keeps what is to be known of the training.

    Args:
        student_start: its initial weights.
        halfway: after how many steps the model is kept in ``state``.
    """

    def __init__(self, student_start: Mapping[str, Tensor], halfway: int) -> None:
        self.student_start = student_start
        self.halfway = halfway
        self.state: dict[str, Tensor] = {}
        self.memory_mib = -_peak_mib()

    def before_train(self, runner: Runner) -> None:
        runner.model.student.load_state_dict(self.student_start)

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch=None) -> None:
        if runner.iter == self.halfway:
            self.state = {name: value.clone() for name, value in runner.model.state_dict().items()}

    def after_train(self, runner: Runner) -> None:
        self.memory_mib += _peak_mib()


def _peak_mib() -> float:
    """The most memory used so far: of the GPU where there is one, else of this process, which began with the run."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10  # in KiB on Linux


def side_by_side(
    config: Config, method: Mapping, trained: Trained, clips: TrainingClips, seed: int
) -> dict[str, float]:
    """What a step costs next to one without a teacher, and the share of the terms in the gradient halfway.

    Both kinds of steps take turns, so that whatever else slows the machine slows both.
    """
    models = []
    for terms in (method, {'terms': {}, 'use_labels': True}):
        set_random_seed(seed)
        models.append(MODELS.build(model_of(config, terms)).to(get_device()).train())
    models[0].load_state_dict(trained.state)
    models[1].student.load_state_dict(models[0].student.state_dict())
    MessageHub.get_current_instance().update_info('iter', trained.halfway)  # schedules of weights look there
    first = trained.halfway * config.batch_size
    batch = pseudo_collate([clips[index] for index in range(first, first + config.batch_size)])
    facts = examine(models[0], batch).losses
    wrappers = [build_optim_wrapper(model, config.optim_wrapper.to_dict()) for model in models]
    seconds = [
        [_step_seconds(model, wrapper, batch) for model, wrapper in zip(models, wrappers)]
        for _ in range(WARMUP_STEPS + TIMED_STEPS)
    ][WARMUP_STEPS:]
    return {
        'gradient_share': sum(loss.gradient_share for loss in facts if loss.term),
        'step_ms': 1000 * statistics.median(mine for mine, _ in seconds),
        'step_ratio': statistics.median(mine / plain for mine, plain in seconds),
    }


def _step_seconds(model: BaseModel, wrapper, batch: Mapping) -> float:
    start = time.perf_counter()
    model.train_step(batch, wrapper)
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start
