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
            than the training set.
    """

    def before_train(self, runner: Runner) -> None:
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        student = getattr(model, 'student', model)
        loader = runner.train_dataloader
        if not len(loader):
            raise ValueError(f'the training set has {len(loader.dataset)} videos, too few for one batch of '
                             f'{loader.batch_size}: set a smaller train_dataloader.batch_size, or drop_last=False')
        classes = loader.dataset.metainfo.get('classes')
        if classes is None or not getattr(model, 'use_labels', True):
            return
        num_classes = student.cls_head.num_classes
        if num_classes != len(classes):
            raise ValueError(f'the student has {num_classes} classes, but the training set has {len(classes)} '
                             f'({classes[0]} … {classes[-1]}): set model.student.cls_head.num_classes={len(classes)}, '
                             'or train without labels (model.use_labels=False)')
