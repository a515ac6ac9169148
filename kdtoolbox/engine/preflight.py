"""Checks before the first step."""

from mmengine.dataset import InfiniteSampler
from mmengine.dist import get_world_size
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch.utils.data import BatchSampler, DataLoader

from kdtoolbox.registry import HOOKS


@HOOKS.register_module()
class PreflightHook(Hook):
    """Refuse a training whose batches are too small, or whose labels do not fit the student's head, before it starts.

    Raises:
        ValueError: no batch comes together, or one with fewer clips than a term compares with one another, or the
            student learns labels and its head has another number of classes than the training set, or the validation
            set or the probe of a teacher has other classes.
    """

    def before_train(self, runner: Runner) -> None:
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        student = getattr(model, 'student', model)
        loader = runner.train_dataloader
        if not len(loader):
            raise ValueError(f'the training set has {len(loader.dataset)} videos, too few for one batch of '
                             f'{loader.batch_size}: set a smaller train_dataloader.batch_size, or drop_last=False')
        self._check_batches(model, loader)
        if getattr(model, 'use_labels', True):
            self._check_classes(runner, model, student.cls_head.num_classes)

    def _check_batches(self, model, loader: DataLoader) -> None:
        criterion = getattr(model, 'criterion', None)
        terms = [] if criterion is None else list(criterion.terms.values())
        num_processes = get_world_size()
        for num_clips, fix in _smallest_batches(loader):
            for term in terms:
                if num_clips * num_processes < term.min_batch_size:
                    raise ValueError(
                        f'term {term.name!r}: {type(term.loss).__name__} compares the clips of a batch with one '
                        f'another and needs {term.min_batch_size} or more, but {fix[0]} {num_clips} in each of '
                        f'{num_processes} process(es): {fix[1]}')
                if num_clips < term.min_clips_of_a_process:
                    shapes = '' if term.shapes else ', or clip_shape=(T, H, W) of the distiller if it compares maps'
                    raise ValueError(
                        f'term {term.name!r}: {type(term.loss).__name__} takes statistics over the clips of a batch and '
                        f'needs {term.min_clips_of_a_process} or more in each process, but {fix[0]} {num_clips}: '
                        f'{fix[1]}{shapes}')

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


def _smallest_batches(loader: DataLoader) -> list[tuple[int, tuple[str, str]]]:
    """Number of clips of a full batch and of the last one of an epoch, each with where it comes from and the fix."""
    sampler = loader.batch_sampler
    if not isinstance(sampler, BatchSampler):  # one of a user's own does not tell
        return []
    full = (sampler.batch_size, ('a batch has', 'set a larger train_dataloader.batch_size'))
    rest = len(sampler.sampler) % sampler.batch_size
    if sampler.drop_last or not rest or isinstance(sampler.sampler, InfiniteSampler):
        return [full]
    return [full, (rest, ('the last batch of an epoch has', 'set train_dataloader.drop_last=True'))]
