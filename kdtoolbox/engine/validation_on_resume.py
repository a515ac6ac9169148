"""A validation that an interruption took away is made up for when the training is resumed."""

from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop, Runner

from kdtoolbox.engine.checkpoint_saving import VALIDATED_AT
from kdtoolbox.registry import HOOKS


@HOOKS.register_module()
class ValidateOnResumeHook(Hook):
    """Validate first where a resumed training was to be validated after its checkpoint was written.

    mmengine writes a checkpoint before the validation that follows, and goes on after it. What hears of a validation
    (schedulers such as ReduceOnPlateauLR, the best checkpoint, early stopping) would miss one.
    """

    priority = 'LOWEST'  # when all the other hooks are ready for it

    def __init__(self) -> None:
        self._validated_at: int | None = None

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        if runner._resume:
            self._validated_at = (checkpoint.get('meta') or {}).get(VALIDATED_AT)

    def before_train(self, runner: Runner) -> None:
        if self._validated_at not in (None, runner.iter) and _is_due(runner):
            runner.logger.info('The checkpoint was written before the validation that was due: it is made up for.')
            runner.val_loop.run()


def _is_due(runner: Runner) -> bool:
    loop = runner.train_loop
    if runner.val_loop is None or not runner.iter:
        return False
    loop._decide_current_val_interval()
    if not isinstance(loop, EpochBasedTrainLoop):
        done, last = runner.iter, loop.max_iters
    elif runner.iter == runner.epoch * len(loop.dataloader):
        done, last = runner.epoch, loop.max_epochs
    else:
        return False
    return done >= loop.val_begin and (done % loop.val_interval == 0 or done == last)
