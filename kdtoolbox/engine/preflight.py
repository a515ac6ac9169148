"""Checks before the first step."""

from mmengine.dist import get_world_size
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from kdtoolbox.inspection import Training, act_on, inspect
from kdtoolbox.inspection.metrics import without_scores
from kdtoolbox.inspection.resuming import resumed_otherwise
from kdtoolbox.registry import HOOKS


@HOOKS.register_module()
class PreflightHook(Hook):
    """Look at the data, the classes, a step on a few clips and a validation of a few before the training starts.

    What cannot be meant stops it; what may be is one warning each. It costs the reading of a few clips, and leaves the
    model and the random numbers as they are. :mod:`kdtoolbox.inspection` has the checks, which ``kdtoolbox doctor`` makes
    too. Metrics of a classifier that nothing trains are not reported.

    Args:
        strict: stop at warnings too.

    Raises:
        ValueError: names all that is wrong: no batch comes together, or one with fewer clips than a term compares;
            labels do not fit the student's head, or the classes of the validation set or of a teacher are others; a
            network does not run on its inputs; a metric would fail; a resumed training has another optimizer; …
    """

    def __init__(self, *, strict: bool = False) -> None:
        self.strict = strict

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        if runner._resume and isinstance(checkpoint.get('meta'), dict):
            act_on(
                resumed_otherwise(checkpoint['meta'], runner.cfg.to_dict(), steps_now=len(runner.train_dataloader)),
                logger=runner.logger,
                strict=self.strict,
            )

    def before_train(self, runner: Runner) -> None:
        loader = runner.train_dataloader
        if not len(loader):
            raise ValueError(
                f'the training set has {len(loader.dataset)} videos, too few for one batch of '
                f'{loader.batch_size}: set a smaller train_dataloader.batch_size, or drop_last=False'
            )
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        validation = runner.val_loop
        training = Training(
            runner.cfg,
            model,
            loader,
            validation=None if validation is None else validation.dataloader,
            evaluator=None if validation is None else validation.evaluator,
            num_processes=get_world_size(),
        )
        act_on(inspect(training), logger=runner.logger, strict=self.strict)
        if validation is not None and not training.trains_its_head:
            validation.evaluator.metrics = without_scores(validation.evaluator.metrics)
