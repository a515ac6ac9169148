"""Checks before the first step."""

import copy
import logging
from collections.abc import Sized

from mmengine.config import Config
from mmengine.dist import get_world_size
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch.utils.data import DataLoader, Dataset

from kdtoolbox.inspection import Training, act_on, inspect
from kdtoolbox.inspection.metrics import without_scores
from kdtoolbox.inspection.resuming import resumed_otherwise
from kdtoolbox.registry import DATASETS, HOOKS


@HOOKS.register_module()
class PreflightHook(Hook):
    """Check data sets, classes, a training step and a validation on a few clips before the training starts.

    Errors stop the training, other findings are one warning each. It reads a few clips, and does not change the model
    or the random numbers. The checks are in :mod:`kdtoolbox.inspection`; ``kdtoolbox doctor`` runs the same. Metrics of
    a classifier that is not trained are not reported.

    Args:
        strict: stop at warnings too.

    Raises:
        ValueError: lists all errors: there are too few clips for a batch, or for a term; labels do not fit the
            student's head; the validation set or a teacher has other classes; a network fails on its inputs; a metric
            would fail; a resumed training has another optimizer; …
    """

    def __init__(self, *, strict: bool = False) -> None:
        self.strict = strict

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        if runner._resume and isinstance(checkpoint.get('meta') or {}, dict):
            _check_position(checkpoint, source=runner._load_from)
            act_on(
                resumed_otherwise(checkpoint['meta'], runner.cfg.to_dict(), steps_now=len(runner.train_dataloader)),
                logger=runner.logger,
                strict=self.strict,
            )

    def before_train(self, runner: Runner) -> None:
        loader = runner.train_dataloader
        refuse_no_batch(loader)
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        validation = runner.val_loop
        training = Training(
            runner.cfg,
            model,
            loader,
            validation=None if validation is None else validation.dataloader,
            evaluator=None if validation is None else validation.evaluator,
            tests=_tested_apart(runner.cfg),
            num_processes=get_world_size(),
        )
        act_on(inspect(training), logger=runner.logger, strict=self.strict)
        if validation is not None and not training.trains_its_head:
            validation.evaluator.metrics = without_scores(validation.evaluator.metrics)


def refuse_no_batch(loader: DataLoader) -> None:
    """Raise ValueError if an epoch has no batch; a data set without a length has as many as are asked for."""
    if isinstance(loader.dataset, Sized) and not len(loader):
        processes = get_world_size()
        raise ValueError(
            f'the training set has {len(loader.dataset)} videos, too few for one batch of {loader.batch_size}'
            + (f' in each of {processes} processes' if processes > 1 else '')
            + ': set a smaller train_dataloader.batch_size, or drop_last=False'
        )


def _check_position(checkpoint: dict, *, source: object) -> None:
    """Raise ValueError unless a checkpoint tells the epoch and iteration at which its training stands."""
    for name in ('epoch', 'iter'):
        value = (checkpoint.get('meta') or {}).get(name)
        if type(value) is not int or value < 0:
            raise ValueError(
                f'the checkpoint {source}: its {name} is {str(value)[:60]!r}, expected a whole number of 0 or more; '
                'it is none of a training that can be resumed'
            )


def _tested_apart(config: Config) -> list[Dataset]:
    """The data set that is tested on, where it is not the one that is validated on and is there already."""
    loader = config.get('test_dataloader')
    if not loader or loader == config.get('val_dataloader'):
        return []
    try:
        return [DATASETS.build(copy.deepcopy(loader['dataset']))]
    except (ValueError, FileNotFoundError) as failure:
        print_log(f'the data of test_dataloader are not looked at: {failure}', 'current', logging.WARNING)
        return []
