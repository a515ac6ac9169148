"""Look at a config on one batch before training: what each term sees, weighs and costs, and what is wrong."""

import argparse
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import cast

import torch
from mmaction.structures import ActionDataSample
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.evaluator import Evaluator
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope
from mmengine.runner import Runner, set_random_seed
from torch import nn
from torch.utils.data import DataLoader, Dataset

from kdtoolbox.config_files.evaluators import metric_configs, tell_average_clips
from kdtoolbox.config_files.keys import refuse_unknown_keys
from kdtoolbox.config_files.reading import load_config, seed_datasets
from kdtoolbox.criterion.building import GUESSED_FRAMES
from kdtoolbox.inspection import Training, real_batch
from kdtoolbox.inspection.networks import num_classes_of, teachers_of
from kdtoolbox.inspection.settings import absent_weights
from kdtoolbox.inspection.term_report import Checkup, NetworkFacts, examine
from kdtoolbox.inspection.training import before_a_step, of_the_metrics
from kdtoolbox.isolation import copy_to_try
from kdtoolbox.registry import MODELS
from kdtoolbox.teachers.weights import torchvision_weights
from kdtoolbox.terminal import table_text
from kdtoolbox.views import view_of
from kdtoolbox.views.input_sizes import NOT_RUN
from kdtoolbox.views.preprocessor import ViewPreprocessor

MAX_NAMES = 6
NETWORK_COLUMNS = ('', 'sees', 'every', 'normalisation', 'classes', 'top-1 on this batch')
LOSS_COLUMNS = ('', 'student', 'teacher', 'value', 'dtype', 'gradient', 'share')


def run(args: argparse.Namespace) -> int:
    config = load_config(args)
    checkup, problems = check(config, synthetic=args.synthetic, batch_size=args.batch_size)
    problems = list(dict.fromkeys([*problems, *checkup.problems]))
    print(report(checkup, problems))
    return 1 if args.strict and problems else 0


def check(config: Config, *, synthetic: bool, batch_size: int | None = None) -> tuple[Checkup, list[str]]:
    """Build the model of ``config`` and examine it on a batch; returns what was found, and problems beside.

    Args:
        synthetic: show noise; neither data nor a network connection are needed, teachers have random weights.

    Raises:
        ValueError: it is no distiller, does not fit together, does not run, or its data cannot be read.
    """
    refuse_unknown_keys(config)
    init_default_scope(config.get('default_scope', 'kdtoolbox'))
    MMLogger.get_instance('doctor', log_level='WARNING')  # without one, initialising a network logs each of its tensors
    seed = (config.get('randomness') or {}).get('seed') or 0
    set_random_seed(seed)
    seed_datasets(config)
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
    batch = _noise(config, model, batch_size or 4) if synthetic else _first_batch(training)
    step = list(real_batch.of_a_step(copy_to_try(model), batch))
    failed = [finding.text for finding in step if finding.is_error and NOT_RUN in finding.text]
    if failed:
        raise ValueError('; '.join(failed))
    problems += [finding.text for finding in (*before_a_step(training), *step)]
    if not synthetic:
        problems += [finding.text for finding in of_the_metrics(training, copy_to_try(model))]
    return examine(model, batch), problems


def without_downloads(config: Mapping) -> dict:
    """A copy without weights that a library would fetch: names and URLs; files stay."""

    def kept(key: str, value) -> bool:
        return not (
            key in ('weights', 'pretrained', 'checkpoint') and isinstance(value, str) and not Path(value).is_file()
        )

    if 'model' in config and 'type' in config and isinstance(config['model'], str) and config.get('weights'):
        # The size that goes with torchvision's weights is theirs, not the network's.
        size = own_size(config['model'], config['weights'])
        config = {**config, 'view': {**({'size': size} if size else {}), **(config.get('view') or {})}}
    return {
        key: without_downloads(value)
        if isinstance(value, Mapping)
        else [without_downloads(item) if isinstance(item, Mapping) else item for item in value]
        if isinstance(value, list)
        else value
        if kept(key, value)
        else None
        for key, value in config.items()
        if not (key == 'init_cfg' and isinstance(value, Mapping) and value.get('type') == 'Pretrained')
    }


def report(checkup: Checkup, problems: Sequence[str]) -> str:
    """Everything that was found, as text."""
    lines = [
        'Networks',
        table_text([_network_row(network) for network in checkup.networks], header=NETWORK_COLUMNS, num_left=4),
        '',
        f'Losses on {checkup.num_clips} clips (shapes without the batch)',
        table_text(_loss_rows(checkup), header=LOSS_COLUMNS, num_left=3),
        '',
    ]
    chosen = [f'{loss.name}: {words}' for loss in checkup.losses for words in loss.term.get('chosen', ())]
    lines += ['Chosen by auto', *(f'  {line}' for line in chosen), ''] if chosen else []
    names = checkup.unused_parameters
    lines.append(f'Parameters without a gradient: {len(names)}{_listed(names)}')
    lines += ['', f'Problems: {len(problems) or "none found"}', *(f'  - {problem}' for problem in problems)]
    return '\n'.join(lines)


def _network_row(network: NetworkFacts) -> tuple[str, ...]:
    stride = network.view.frame_stride if network.view else 1
    accuracy = '–' if network.accuracy is None else f'{100 * network.accuracy:.1f} %'
    every = 'frame' if stride == 1 else f'{stride} frames'
    return (
        network.name,
        'x'.join(map(str, network.shape)),
        every,
        network.normalisation,
        str(network.num_classes or '–'),
        accuracy,
    )


def _loss_rows(checkup: Checkup) -> list[tuple[str, ...]]:
    rows = []
    for loss in checkup.losses:
        runs = [_side(loss.term, side) if loss.term else '–' for side in ('student', 'teacher')]
        rows.append(
            (
                loss.name,
                *runs,
                f'{loss.value:.4g}',
                loss.dtype,
                f'{loss.gradient_norm:.3g}',
                f'{100 * loss.gradient_share:.1f} %',
            )
        )
    return rows


def _side(term: Mapping, side: str) -> str:
    if term[side] is None:
        return 'none'
    before, after = term.get(f'{side}_shape'), term.get(f'{side}_connected')
    shapes = '' if before is None else f' {before}' if before == after else f' {before} -> {after}'
    return f'{term[side] if isinstance(term[side], str) else "+".join(term[side])}{shapes}'


def _listed(names: Sequence[str]) -> str:
    more = f' and {len(names) - MAX_NAMES} more' if len(names) > MAX_NAMES else ''
    return f' ({", ".join(names[:MAX_NAMES])}{more})' if names else ''


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


def _noise(config: Config, model: nn.Module, num_clips: int) -> dict:
    """Clips of noise with labels in turn, or none where labels are not used."""
    view = cast(ViewPreprocessor, model.data_preprocessor).student_view
    views = [view, *map(view_of, teachers_of(model).values())]
    size = max((one.height_and_width for one in views if one is not None), default=(112, 112))
    clip_shape = config.model.get('clip_shape') or (GUESSED_FRAMES, *size)
    generator = torch.Generator().manual_seed(0)
    samples = []
    for index in range(num_clips):
        sample = ActionDataSample()
        if getattr(model, 'use_labels', True):
            sample.set_gt_labels(index % num_classes_of(model))
        sample.set_metainfo(dict(sample_id=f'noise{index}'))
        samples.append(sample)
    clips = [torch.randint(0, 256, (1, 3, *clip_shape), dtype=torch.uint8, generator=generator) for _ in samples]
    is_2d = type(model.student).__name__ == 'Recognizer2D'
    return {'inputs': [clip[0].transpose(0, 1) if is_2d else clip for clip in clips], 'data_samples': samples}


def own_size(model: str, weights: str) -> int | None:
    """The size in pixels that weights of torchvision were learned on, None for others."""
    if not model.startswith('torchvision.'):
        return None
    entry = torchvision_weights(model.removeprefix('torchvision.')).get(weights)
    return None if entry is None else entry.transforms().crop_size[0]


def _config_problems(config: Config):
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
