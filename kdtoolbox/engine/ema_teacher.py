"""A hook that updates a mean teacher after every step and saves it in checkpoints."""

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.optim import OptimWrapperDict
from mmengine.runner import Runner

from kdtoolbox.registry import HOOKS

KEY = 'ema_teachers'


@HOOKS.register_module()
class EMATeacherHook(Hook):
    """Update every ``EMATeacher`` of the distiller after each optimizer step; resuming continues exactly.

    With gradients accumulated over iterations, not every iteration has an optimizer step; one that FiniteLossHook
    leaves out is none. A checkpoint has the averages under ``ema_teachers``, outside of the model's state dict. With
    ``load_from`` the student may have another head: then the teacher is initialised from the student.

    Raises:
        ValueError: there is no such teacher, or the checkpoint to resume from has no average.
    """

    priority = 'HIGH'  # it begins as the student before PreflightHook tries a step

    def before_train(self, runner: Runner) -> None:
        teachers = self._teachers(runner)
        if not teachers:
            raise ValueError(
                'EMATeacherHook has no teacher to move: none of the distiller is an EMATeacher, or no term '
                "taps it. Drop the hook, or give teacher=dict(type='EMATeacher', ...)"
            )
        for teacher in teachers.values():
            if not teacher.is_followed:
                teacher.follow(self._model(runner).student)

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch=None, outputs=None) -> None:
        wrapper = runner.optim_wrapper
        wrapper = wrapper['student'] if isinstance(wrapper, OptimWrapperDict) else wrapper
        # It counts what is done, so this is about the iteration just over; FiniteLossHook may have left its step out.
        if not wrapper.should_update() or getattr(wrapper, 'is_left_out', False):
            return
        for teacher in self._teachers(runner).values():
            teacher.follow(self._model(runner).student)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        checkpoint[KEY] = {name: teacher.average.state_dict() for name, teacher in self._teachers(runner).items()}

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        if not runner._resume:
            return
        saved = checkpoint.get(KEY, {})
        for name, teacher in self._teachers(runner).items():
            if name in saved:
                teacher.go_on_from(saved[name])
            else:
                raise ValueError(
                    f'the checkpoint has no average of the student for the teacher {name!r}, so the run '
                    'cannot be resumed: start a new run from it with load_from'
                )

    @staticmethod
    def _model(runner: Runner):
        return runner.model.module if is_model_wrapper(runner.model) else runner.model

    def _teachers(self, runner: Runner) -> dict:
        return {
            name: teacher
            for name, teacher in getattr(self._model(runner), 'teachers', {}).items()
            if hasattr(teacher, 'average')
        }
