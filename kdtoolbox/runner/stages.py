"""Chains of trainings, each learning from the ones before, by the list ``stages`` of a plan."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from mmengine.config import Config
from mmengine.dist import barrier, is_main_process
from mmengine.runner import find_latest_checkpoint

from kdtoolbox.config_files.data_configs import data_config_files
from kdtoolbox.config_files.finding import find_config, packaged_config_folders
from kdtoolbox.config_files.overriding import merge_options
from kdtoolbox.config_files.reading import read_config
from kdtoolbox.config_files.registered_types import refuse_unregistered
from kdtoolbox.deployment.mmaction2_student import export_student
from kdtoolbox.engine.whole_checkpoints import newest_whole_checkpoint
from kdtoolbox.plain_files import read_json
from kdtoolbox.runner.training import train
from kdtoolbox.safe_files import sha256_of, write_aside
from kdtoolbox.terminal import say

SETTINGS = 'stage.json'  # in a stage's folder: what it was trained with
STUDENT_FILE = 'exported_student.pth'  # mmengine writes <config name>.py there, which may be student.py
REFERENCE = re.compile(r'\{([^{}.]*)\.([^{}]*)\}')


@dataclass(frozen=True)
class Stage:
    """One training of a plan.

    Args:
        name: of the stage and of its folder.
        config: file or name of a packaged config.
        cfg_options: changes of it, as ``--cfg-options`` takes them.
        safe: read the config only if it is data.
    """

    name: str
    config: str
    cfg_options: Mapping = field(default_factory=dict)
    safe: bool = False


def read_plan(file: Path, *, options: Mapping = MappingProxyType({}), safe: bool = False) -> list[Stage]:
    """The stages of a file.

    Args:
        options: changes of the configs of all stages, ``KEY`` -> value, or of one, ``STAGE:KEY`` -> value, which come
            after those of the plan.
        safe: read data only, the configs of the stages too, and no Python but that of kdtoolbox's own configs.

    Raises:
        ValueError: as :func:`read_stages`, a plan of YAML or JSON names a class that is in no registry, ``safe``
            forbids it, or an option is for a stage that the plan has not.
    """
    data = data_config_files(file, packaged=packaged_config_folders(), safe=safe)
    for part, content in data:
        refuse_unregistered(content, what=f'plan {part}')
    try:
        stages = read_stages(Config.fromfile(file).get('stages'), safe=safe)
        return _with_options(stages, options) if options else stages
    except ValueError as error:
        raise ValueError(str(error) if str(file) in str(error) else f'plan {file}: {error}') from error


def read_stages(entries: Sequence[Mapping] | None, *, safe: bool = False) -> list[Stage]:
    """The stages of a plan, checked before anything is trained.

    Raises:
        ValueError: an entry is no stage, two have one name, one refers to what no stage before it gives, or one would
            leave no checkpoint behind.
    """
    if not entries or not isinstance(entries, (list, tuple)):
        raise ValueError('the plan has no stages: it needs a list stages = [dict(name=..., config=...), ...]')
    stages: list[Stage] = []
    for entry in entries:
        if not isinstance(entry, Mapping):
            raise ValueError(f'a stage has name, config and maybe cfg_options; got {str(entry)[:60]!r}')
        unknown = sorted(set(entry) - {'name', 'config', 'cfg_options'})
        if unknown or not {'name', 'config'} <= set(entry):
            raise ValueError(f'a stage has name, config and maybe cfg_options; got {sorted(entry)}')
        name = entry['name']
        if not isinstance(name, str) or not re.fullmatch(r'\w[\w-]*', name) or name in [stage.name for stage in stages]:
            raise ValueError(f'stage name {name!r}: expected letters, digits, _ and -, and one name for each stage')
        stage = Stage(name, entry['config'], dict(entry.get('cfg_options') or {}), safe=safe)
        for before, output in _references(stage):
            if before not in [stage.name for stage in stages] or output != 'student':
                raise ValueError(
                    f'stage {name!r} asks for {{{before}.{output}}}, but the stages before it give '
                    f'{[f"{{{stage.name}.student}}" for stage in stages] or "nothing"}'
                )
        _check_output(stage)
        stages.append(stage)
    return stages


def _with_options(stages: Sequence[Stage], options: Mapping) -> list[Stage]:
    """The stages, checked once more, with the options of :func:`read_plan`."""
    of_stage: dict[str, dict] = {stage.name: {} for stage in stages}
    of_all = {}
    for key, value in options.items():
        name, colon, rest = key.partition(':')
        if not colon:
            of_all[key] = value
        elif name in of_stage:
            of_stage[name][rest] = value
        else:
            raise ValueError(f'--cfg-options {key}: expected one of the stages {list(of_stage)} before the colon')
    entries = [
        dict(name=one.name, config=one.config, cfg_options={**one.cfg_options, **of_all, **of_stage[one.name]})
        for one in stages
    ]
    return read_stages(entries, safe=stages[0].safe)


def run_stages(
    stages: Sequence[Stage], work_dir: Path, *, launcher: str = 'none', local_rank: int = 0
) -> dict[str, Path]:
    """Train what is not trained yet; a stage that was interrupted resumes from its last checkpoint.

    Returns:
        Stage name -> the exported student, which is written when the stage is done.
    """
    students: dict[str, Path] = {}
    for stage in stages:
        folder = Path(work_dir) / stage.name
        students[stage.name] = folder / STUDENT_FILE
        if students[stage.name].is_file():
            _check_same_stage(stage, folder, students)
            if is_main_process():
                say(f'{stage.name}: trained before')
            continue
        config = stage_config(stage, students)
        if is_main_process():
            write_aside(folder / SETTINGS, json.dumps(_settings_of(stage, students), indent=2))
        config.work_dir, config.launcher = str(folder), launcher
        if (interrupted := newest_whole_checkpoint(folder)) is not None:
            config.resume, config.load_from = True, interrupted
        config.experiment_name = f'{Path(work_dir).name}_{stage.name}'
        train(config, local_rank=local_rank)
        last = find_latest_checkpoint(str(folder))
        if last is None:
            raise ValueError(f'stage {stage.name!r} has no output: its training wrote no checkpoint to {folder}')
        if is_main_process():
            export_student(last, students[stage.name])
        barrier()
    return students


def _settings_of(stage: Stage, students: Mapping[str, Path]) -> dict[str, object]:
    used = {name for name, _ in _references(stage)}
    return {
        'config': stage.config,
        'cfg_options': json.loads(json.dumps(dict(stage.cfg_options), default=str)),
        'students': {name: sha256_of(students[name]) for name in sorted(used)},
    }


def _check_same_stage(stage: Stage, folder: Path, students: Mapping[str, Path]) -> None:
    """Refuse to take a student for that of a stage which has other settings now, or other students before it."""
    if (folder / SETTINGS).is_file() and read_json(folder / SETTINGS) != _settings_of(stage, students):
        raise ValueError(
            f'stage {stage.name!r} was trained with other settings, or from other students, than it has now; those are '
            f'in {folder / SETTINGS}: name another --work-dir, or remove {folder} and the folders after it'
        )


def stage_config(stage: Stage, students: Mapping[str, Path]) -> Config:
    """The stage's config with its options, the students of earlier stages filled in."""
    config = read_config(find_config(stage.config), safe=stage.safe)
    options = {key: _filled(value, students) for key, value in stage.cfg_options.items()}
    merge_options(config, options)
    return config


def _check_output(stage: Stage) -> None:
    config = stage_config(stage, {before: Path(before) for before, _ in _references(stage)})
    checkpoint = (config.get('default_hooks') or {}).get('checkpoint')
    train = config.get('train_cfg') or {}
    length = train.get('max_epochs', train.get('max_iters', 0)) or 0
    if (
        not length
        or checkpoint is None
        or (checkpoint.get('interval', -1) < 1 and not checkpoint.get('save_last', True))
    ):
        raise ValueError(
            f'stage {stage.name!r} would have no output: {stage.config} '
            + ('does not train (train_cfg).' if not length else 'writes no checkpoint (default_hooks.checkpoint).')
        )


def _references(stage: Stage) -> list[tuple[str, str]]:
    return [found for text in _texts_in(stage.cfg_options) for found in REFERENCE.findall(text)]


def _texts_in(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (Mapping, list, tuple)):
        for one in value.values() if isinstance(value, Mapping) else value:
            yield from _texts_in(one)


def _filled(value, students: Mapping[str, Path]):
    if isinstance(value, Mapping):
        return {key: _filled(one, students) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_filled(one, students) for one in value)
    if not isinstance(value, str):
        return value
    return REFERENCE.sub(lambda found: str(students[found[1]]), value)
