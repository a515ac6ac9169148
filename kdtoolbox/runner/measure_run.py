"""Measuring what the report on a training shows, from its work directory alone."""

import json
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import cast

from mmengine.config import Config
from mmengine.device import get_device
from mmengine.registry import init_default_scope
from torch.utils.data import DataLoader

from kdtoolbox.config_files.overriding import seed_datasets
from kdtoolbox.config_files.reading import import_custom_modules
from kdtoolbox.config_files.registered_types import refuse_unregistered
from kdtoolbox.criterion.batch_labels import at_progress
from kdtoolbox.engine.checkpoints import check_same_tensors, growing_tensors, load_checkpoint
from kdtoolbox.engine.ema_teacher import KEY
from kdtoolbox.evaluation.video_record import VideoRecord, load_record, save_record
from kdtoolbox.feature_extraction.network_cost import cost_of
from kdtoolbox.feature_extraction.video_recording import record_student, record_teacher, teacher_sized
from kdtoolbox.feature_extraction.video_vectors import ordered_loader
from kdtoolbox.inspection.data_sets import size_of
from kdtoolbox.inspection.term_report import examine
from kdtoolbox.provenance import named_by_content
from kdtoolbox.registry import MODELS
from kdtoolbox.reporting.measured_row import last_checkpoint
from kdtoolbox.reporting.pages.sprites import spread
from kdtoolbox.reporting.runs.run import COSTS, MEASURED, RECORD, SHARES, read_run_config
from kdtoolbox.runner.testing import load_student, without_teacher
from kdtoolbox.runner.training import build_runner
from kdtoolbox.safe_files import write_aside
from kdtoolbox.teachers import FrozenTeacher
from kdtoolbox.teachers.cached_teacher import behind_a_cache
from kdtoolbox.terminal import say

# What may be raised by a network of anybody's that is built and run: weights that are gone or cannot be fetched, one
# that is made from the student while it trains, sizes that do not fit. The report is then made without it.
NOT_RUN = (ValueError, TypeError, KeyError, RuntimeError, OSError)


def measure_run(work_dir: str | Path, *, checkpoint: str | Path | None = None) -> list[str]:
    """Run a training's student and teacher over its test videos, and keep what they give in the work directory.

    What was measured of the same checkpoint before is not measured again.

    Args:
        checkpoint: of the training; default its best one, or else the last.

    Returns:
        What could not be measured, as sentences.

    Raises:
        ValueError: the work directory has no config or checkpoint, or its student cannot be tested.
    """
    folder, problems = Path(work_dir), []
    settings = read_run_config(folder)
    if settings is None:
        raise ValueError(f'{work_dir}: no config that can be read as data, so it is not known what to measure')
    file = Path(checkpoint) if checkpoint is not None else best_checkpoint(folder)
    measured, weights = folder / MEASURED, named_by_content(file)
    if (measured / RECORD).is_file() and load_record(measured / RECORD).provenance.get('weights') == weights:
        return []
    say(f'{work_dir}: running {file.name} over the test videos')
    config = _test_config(settings, measured)
    record, student_cost = _measure_student(config, file, weights)
    costs = {'student': student_cost}
    save_record(record, measured / RECORD)
    for name, teacher in _teachers(settings['model']).items():
        try:
            record, costs[f'teacher {name}'.strip()] = _measure_teacher(config, teacher, name, record)
        except NOT_RUN as error:
            problems.append(f'the teacher {name}: {error}'.replace(' :', ':'))
            continue
        save_record(record, measured / RECORD)
        break  # the record has one teacher, the first that can be measured
    write_aside(measured / COSTS, json.dumps(costs, indent=2))
    try:
        shares = _gradient_shares(settings, file, measured)
    except NOT_RUN as error:
        problems.append(f'the shares of the gradient: {error}')
    else:
        write_aside(measured / SHARES, json.dumps(shares, indent=2))
    return problems


def best_checkpoint(work_dir: Path) -> Path:
    """The newest of the best checkpoints that mmengine kept, or else the last checkpoint.

    Raises:
        ValueError: there is none.
    """
    best = sorted(work_dir.glob('best_*.pth'), key=lambda file: file.stat().st_mtime_ns)
    return best[-1] if best else last_checkpoint(work_dir)


def _test_config(settings: Mapping, measured: Path) -> Config:
    """The config of a test of the student alone, on the test videos or else those of the validation."""
    config = Config(dict(settings))
    init_default_scope(config.get('default_scope', 'kdtoolbox'))
    import_custom_modules(config.get('custom_imports'))
    refuse_unregistered(settings, what=f'the config in {measured.parent}')
    if config.get('test_dataloader') is None:
        if config.get('val_dataloader') is None:
            raise ValueError('the config has neither test_dataloader nor val_dataloader: there is nothing to test on')
        config.test_dataloader, config.test_cfg = config.val_dataloader, {}
        config.test_evaluator = config.get('val_evaluator')
    if config.model.get('student') is None:  # a plain recognizer: the distiller gives its features
        config.model = dict(type='Distiller', student=config.model)
    config.work_dir, config.launcher, config.log_level = str(measured), 'none', 'WARNING'
    # What has the name of the training, or the default of one that began in the same second, would go to its log.
    config.experiment_name = f'measured_{time.time_ns()}'
    return config


def _measure_student(config: Config, checkpoint: Path, weights: str) -> tuple[VideoRecord, dict]:
    runner = build_runner(without_teacher(config))
    load_student(runner, checkpoint)
    model = runner.model.eval()
    average = model.student.cls_head.average_clips
    loader = ordered_loader(runner.cfg, 'test')
    record = record_student(model, loader, average_clips=average or 'score', provenance={'weights': weights})
    inputs = model.data_preprocessor(_first(loader), False)['inputs']
    # One clip: a video has several, beside one another for a 3D student, one behind the other for a 2D one.
    clip = inputs[:, :1] if inputs.dim() == 6 else inputs
    cost = cost_of(model.student, clip, lambda shown: model.student(shown, mode='tensor', stage='head'))
    return record, cost.as_plain()


def _first(loader: DataLoader) -> dict:
    """The first sample as a batch, without starting the loader's workers for it."""
    return cast(dict, loader.collate_fn([loader.dataset[0]]))


def _measure_teacher(
    config: Config, teacher_config: Mapping, name: str, record: VideoRecord
) -> tuple[VideoRecord, dict]:
    teacher = MODELS.build(dict(teacher_config)).to(get_device()).eval()
    if not isinstance(teacher, FrozenTeacher):
        raise ValueError(f'a {type(teacher).__name__} is no network that looks at videos')
    view, student_view = teacher.view, config.model.get('student_view') or {}
    size = student_view.get('size')
    config = Config(config.to_dict())
    sees = 'on the student’s clips'
    if size is not None:
        size = (size, size) if isinstance(size, int) else tuple(size)
        config.test_dataloader = teacher_sized(
            config.test_dataloader.to_dict(), student_size=size, teacher_size=view.height_and_width
        )
        sees = f'on the same clips at its own size, {view.height_and_width[0]}×{view.height_and_width[1]}'
    seed_datasets(config)
    loader = ordered_loader(config, 'test')
    average = (config.model.student.cls_head or {}).get('average_clips') or 'score'
    arrays = record_teacher(teacher, loader, record, average_clips=average)
    clips = _first(loader)['inputs'][0]
    clip = clips[:1] if clips.dim() == 5 else clips.transpose(0, 1).unsqueeze(0)
    shown = view.render(clip.to(get_device())).transpose(1, 2)
    cost = cost_of(teacher, shown, teacher)
    label = f'{name} {_described(teacher_config)} {sees}'.strip()
    return replace(record, **arrays, provenance={**record.provenance, 'teacher': label}), cost.as_plain()


def _described(teacher: Mapping) -> str:
    network = teacher.get('model')
    kind = network.get('type') if isinstance(network, Mapping) else network
    weights = named_by_content(teacher['weights']) if teacher.get('weights') else 'random'
    return f'{teacher["type"]} {kind or ""}, weights {weights},'


def _gradient_shares(settings: Mapping, checkpoint: Path, measured: Path) -> dict[str, float]:
    """Name of each loss -> its share of the gradient into the student, on one training batch, with the trained weights.

    Raises:
        ValueError: the model is no distiller, or its checkpoint holds the student alone.
    """
    config = Config(dict(settings))
    config.work_dir = str(measured)
    seed_datasets(config)
    model = MODELS.build(config.model)
    if not hasattr(model, 'criterion'):
        raise ValueError(f'a {type(model).__name__} has no terms')
    content = load_checkpoint(checkpoint)
    state = content['state_dict']
    check_same_tensors(
        state,
        model.state_dict(),
        what=f'checkpoint {checkpoint}',
        model=type(model).__name__,
        growing=growing_tensors(model),
    )
    model.load_state_dict(state)
    for name, teacher in getattr(model, 'teachers', {}).items():
        if hasattr(teacher, 'go_on_from'):  # an average of the student, which the checkpoint has beside it
            if name not in content.get(KEY, {}):
                raise ValueError(f'the checkpoint has no average of the student for the teacher {name!r}')
            teacher.go_on_from(content[KEY][name])
    model.to(get_device()).train()
    loader = ordered_loader(config, 'train')
    dataset = loader.dataset
    batch_size = config.train_dataloader.get('batch_size') or size_of(dataset)
    clips = [dataset[place] for place in spread(size_of(dataset), batch_size)]  # of all classes, which are in order
    with at_progress(_progress(content.get('meta') or {}, config.get('train_cfg') or {})):
        checkup = examine(model, loader.collate_fn(clips))
    return {loss.name: loss.gradient_share for loss in checkup.losses}


def _progress(meta: Mapping, loop: Mapping) -> float:
    """How much of a training was done when its checkpoint was written; all of it where that is not known."""
    for done, length in (('iter', 'max_iters'), ('epoch', 'max_epochs')):
        if loop.get(length) and isinstance(meta.get(done), int):
            return min(1.0, meta[done] / loop[length])
    return 1.0


def _teachers(model: Mapping) -> dict[str, Mapping]:
    """The teachers of a model, if any term uses one."""
    teacher = model.get('teacher') or {}
    if all(term.get('weight', 1.0) == 0 for term in (model.get('terms') or {}).values()):
        return {}
    named = {'': teacher} if 'type' in teacher else dict(teacher)
    return {name: behind_a_cache(one) for name, one in named.items()}
