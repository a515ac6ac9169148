"""Checks before the first step."""

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from kdtoolbox.registry import HOOKS


@HOOKS.register_module()
class PreflightHook(Hook):
    """Refuse a training that has no batch, or whose labels do not fit the student's head, before anything is computed.

    Raises:
        ValueError: no batch comes together, or the student learns labels and its head has another number of classes
            than the training set, or the validation set or the probe of a teacher has other classes.
    """

    def before_train(self, runner: Runner) -> None:
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        student = getattr(model, 'student', model)
        loader = runner.train_dataloader
        if not len(loader):
            raise ValueError(f'the training set has {len(loader.dataset)} videos, too few for one batch of '
                             f'{loader.batch_size}: set a smaller train_dataloader.batch_size, or drop_last=False')
        if getattr(model, 'use_labels', True):
            self._check_classes(runner, model, student.cls_head.num_classes)

    def _check_classes(self, runner: Runner, model, num_classes: int) -> None:
        classes = runner.train_dataloader.dataset.metainfo.get('classes')
        if classes is None:
            return
        if not classes:
            raise ValueError('no training video has a label: train without labels (model.use_labels=False)')
        if num_classes != len(classes):
            raise ValueError(f'the student has {num_classes} classes, but the training set has {len(classes)} '
                             f'({classes[0]} … {classes[-1]}): set model.student.cls_head.num_classes={len(classes)}, '
                             'or train without labels (model.use_labels=False)')
        others = {f'the probe of teacher {name!r}': getattr(teacher, 'probe_classes', None)
                  for name, teacher in getattr(model, 'teachers', {}).items()}
        if runner.val_loop is not None:
            others['the validation set'] = runner.val_dataloader.dataset.metainfo.get('classes')
        for what, found in others.items():
            if found is not None and list(found) != list(classes):
                unlike = [(one, other) for one, other in zip(classes, found) if one != other][:1]
                raise ValueError(f'the classes of {what} are not those of the training set, in the same order: '
                                 f'{len(found)} and {len(classes)}, first difference {unlike}. Give both data sets the '
                                 'same metainfo=dict(classes=…), or fit the probe anew')
