"""A check-up: the model of a config is built and examined on one batch, without training."""

from collections.abc import Iterator
from itertools import islice

from mmengine.config import Config
from mmengine.device import get_device
from mmengine.evaluator import Evaluator
from mmengine.runner import Runner
from torch import nn
from torch.utils.data import DataLoader, Dataset

from kdtoolbox.config_files.evaluators import metric_configs, tell_average_clips
from kdtoolbox.config_files.keys import refuse_unknown_keys
from kdtoolbox.config_files.overriding import prepare_to_look
from kdtoolbox.config_files.without_downloads import without_downloads
from kdtoolbox.inspection import Training, real_batch
from kdtoolbox.inspection.noise_batch import noise_batch
from kdtoolbox.inspection.settings import absent_weights
from kdtoolbox.inspection.term_report import Checkup, examine
from kdtoolbox.inspection.training import before_a_step, of_the_metrics
from kdtoolbox.isolation import copy_to_try
from kdtoolbox.registry import MODELS
from kdtoolbox.views.input_sizes import NOT_RUN


def check(config: Config, *, synthetic: bool, batch_size: int | None = None) -> tuple[Checkup, list[str]]:
    """Build the model of ``config`` and examine it on a batch; returns what was found, and problems beside.

    Args:
        synthetic: show noise; neither data nor a network connection are needed, teachers have random weights.

    Raises:
        ValueError: it is no distiller, does not fit together, does not run, or its data cannot be read.
    """
    refuse_unknown_keys(config)
    seed = prepare_to_look(config, 'doctor')
    tell_average_clips(config)
    problems = list(_config_problems(config))
    if synthetic:
        config = Config(without_downloads(config.to_dict()))
    absent = [finding.text for finding in absent_weights(config.model)]
    if absent:  # without them there is no student to look at
        raise ValueError('; '.join(absent))
    model = MODELS.build(config.model)
    if not hasattr(model, 'criterion'):
        raise ValueError(
            f'the model is a {type(model).__name__}, which is no distiller: doctor looks at their terms. '
            "Expected model.type='Distiller' or one made from it"
        )
    model.init_weights()
    for teacher in model.teachers.values():
        if hasattr(teacher, 'follow'):  # as its hook has it before the first step
            teacher.follow(model.student)
    model.to(get_device()).train()
    training = Training(config, model) if synthetic else _training(config, model, batch_size, seed)
    batch = noise_batch(config.model, model, batch_size or 4) if synthetic else _first_batch(training)
    step = list(real_batch.of_a_step(copy_to_try(model), batch))
    failed = [finding.text for finding in step if finding.is_error and NOT_RUN in finding.text]
    if failed:
        raise ValueError('; '.join(failed))
    problems += [finding.text for finding in (*before_a_step(training), *step)]
    if not synthetic:
        problems += [finding.text for finding in of_the_metrics(training, copy_to_try(model))]
    return examine(model, batch), problems


def _training(config: Config, model: nn.Module, batch_size: int | None, seed: int) -> Training:
    """Data and metrics as the training has them, read by this process alone."""

    def loader(name: str, **options) -> DataLoader:
        settings = {**config[name], 'num_workers': 0, 'persistent_workers': False, **options}
        settings.pop('prefetch_factor', None)
        try:
            return Runner.build_dataloader(settings, seed=seed)
        except (ValueError, FileNotFoundError) as error:
            raise ValueError(
                f'no batch of the data of {name}: {error}. To look at the networks alone: --synthetic'
            ) from error

    training = loader('train_dataloader', **({} if batch_size is None else {'batch_size': batch_size}))
    validation = evaluator = None
    if config.get('val_dataloader') and config.get('val_evaluator'):
        validation, evaluator = loader('val_dataloader'), Evaluator(metric_configs(config.val_evaluator))
    tests: tuple[Dataset, ...] = ()
    if config.get('test_dataloader') and config.test_dataloader != config.get('val_dataloader'):
        tests = (loader('test_dataloader').dataset,)
    return Training(config, model, training, validation, evaluator, tests)


def _first_batch(training: Training) -> dict:
    loader = training.training
    assert loader is not None
    try:
        batches = list(islice(loader, 1))
    except (ValueError, FileNotFoundError) as error:
        raise ValueError(
            f'no batch of the training data: {error}. To look at the networks alone: --synthetic'
        ) from error
    if not batches:
        raise ValueError(f'the training data give no batch of {loader.batch_size} clips: set a smaller --batch-size')
    return batches[0]


def _config_problems(config: Config) -> Iterator[str]:
    teacher = config.model.get('teacher') or {}
    for name, one in ({'': teacher} if 'type' in teacher else teacher).items():
        if one.get('type') in ('ImageTeacher', 'RecognizerTeacher') and not one.get('weights'):
            yield (
                f'the teacher {name}'.strip() + ' has random weights: set '
                f'model.teacher.{name + "." if name else ""}weights to a file or a name'
            )
    hooks = {hook.get('type') for hook in config.get('custom_hooks') or ()}
    wanted = ['PlainCheckpointHook', 'PreflightHook']
    if any(one.get('type') == 'EMATeacher' for one in ({'': teacher} if 'type' in teacher else teacher).values()):
        wanted.append('EMATeacherHook')
    missing = [hook for hook in wanted if hook not in hooks]
    if missing:
        yield (
            f'custom_hooks lacks {" and ".join(missing)}: take configs/_base_/default_runtime.py as a base, or add them'
        )
