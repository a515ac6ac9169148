"""When checkpoints are written, and what is kept of the older ones."""

from pathlib import Path

from mmengine.dist import is_main_process
from mmengine.hooks import CheckpointHook as OfMMEngine
from mmengine.runner import Runner

from kdtoolbox.engine.whole_checkpoints import LAST, WHOLE_FILES, NotWrittenError, WholeFilesBackend
from kdtoolbox.inspection.resuming import IN_AN_EPOCH
from kdtoolbox.registry import HOOKS
from kdtoolbox.safe_files import write_aside

INTERRUPTED = 'interrupted.pth'
VALIDATED_AT = 'validated_at'  # in meta: iterations done at the last validation that it knows of; -1 for none


@HOOKS.register_module()
class CheckpointHook(OfMMEngine):
    """As mmengine's, which has all its arguments; ``type='CheckpointHook'`` is this one in kdtoolbox's scope.

    Checkpoints in local folders are written aside, brought to the disk and moved into place, and an older one is
    removed when the one that takes its place is there: at any time, the last one written is whole.

    Attributes:
        saved_at: the number of iterations after which the newest checkpoint was written; None before.

    Raises:
        ValueError: a checkpoint cannot be written, as on a full disk; the message names the last good one.
    """

    backend_args: dict | None

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.saved_at: int | None = None
        self._validated_at = -1
        self._written: str | None = None

    def before_train(self, runner: Runner) -> None:
        is_local = '://' not in str(self.out_dir or runner.work_dir)
        if is_local and self.backend_args is None and self.file_client_args is None:
            self.backend_args = {'backend': WHOLE_FILES}
        super().before_train(runner)
        if isinstance(self.file_backend, WholeFilesBackend) and is_main_process():
            for rest in Path(self.out_dir).glob('.*.pth.part'):  # of a run that was killed while it wrote
                rest.unlink(missing_ok=True)

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        drop_code(checkpoint)
        if runner._resume and isinstance(checkpoint.get('meta'), dict):
            self._validated_at = checkpoint['meta'].get(VALIDATED_AT, -1)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        checkpoint['meta'][VALIDATED_AT] = self._validated_at

    def after_val_epoch(self, runner: Runner, metrics: dict) -> None:
        self._validated_at = runner.iter  # noted first: the best checkpoint, written now, has this validation
        super().after_val_epoch(runner, metrics)

    def save_interrupted(self, runner: Runner, *, epoch: int, iteration: int) -> str:
        """Write the state between two steps to ``interrupted.pth``, unless a checkpoint has it; returns the file.

        Args:
            epoch: how many are done.
            iteration: likewise.
        """
        if self.saved_at != iteration:
            self.last_ckpt = self.file_backend.join_path(self.out_dir, INTERRUPTED)
            runner.message_hub.update_info('last_ckpt', self.last_ckpt)
            try:
                runner.save_checkpoint(
                    self.out_dir,
                    INTERRUPTED,
                    save_optimizer=self.save_optimizer,
                    save_param_scheduler=self.save_param_scheduler,
                    meta={'epoch': epoch, 'iter': iteration, IN_AN_EPOCH: True},
                    by_epoch=self.by_epoch,
                    backend_args=self.backend_args,
                )
                if is_main_process():
                    write_aside(Path(runner.work_dir) / LAST, self.last_ckpt)
            except NotWrittenError as error:
                raise self._not_written(error) from error
            self.saved_at, self._written = iteration, self.last_ckpt
        return self.last_ckpt

    def _save_checkpoint_with_step(self, runner: Runner, step: int, meta: dict) -> None:
        try:
            super()._save_checkpoint_with_step(runner, step, meta)
        except (NotWrittenError, OSError) as error:
            raise self._not_written(error) from error
        self.saved_at, self._written = meta['iter'], self.last_ckpt
        if is_main_process():
            self._remove_superseded()
            (Path(self.out_dir) / INTERRUPTED).unlink(missing_ok=True)

    def _save_best_checkpoint(self, runner: Runner, metrics: dict) -> None:
        try:
            super()._save_best_checkpoint(runner, metrics)
        except (NotWrittenError, OSError) as error:
            raise self._not_written(error) from error
        self._remove_superseded()

    def _remove_superseded(self) -> None:
        if isinstance(self.file_backend, WholeFilesBackend):
            self.file_backend.remove_superseded()

    def _not_written(self, error: Exception) -> ValueError:
        kept = f'the last good one is {self._written}' if self._written else 'none was written in this run before'
        return ValueError(
            f'the checkpoint was not written: {error}; {kept}. Make room, or make the folder writable, then go on with '
            '--resume; max_keep_ckpts of default_hooks.checkpoint says how many are kept'
        )


def drop_code(checkpoint: dict) -> None:
    """Take ``meta['config']`` out of a checkpoint: mmengine 0.10.7 would run it as Python when it resumes.

    It would only look for ``gpu_ids`` in there, which it writes no longer. Drop when mmengine > 0.10.7 does not.
    """
    if isinstance(checkpoint.get('meta'), dict):
        checkpoint['meta'].pop('config', None)
