"""A training as its work directory tells of it."""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kdtoolbox.criterion.connections import paths_of
from kdtoolbox.evaluation.video_record import VideoRecord, load_record
from kdtoolbox.inspection.resuming import MAX_LETTERS, read_plain_config
from kdtoolbox.plain_files import read_json, read_text
from kdtoolbox.registry import MODELS
from kdtoolbox.reporting.run_origin import read_commands
from kdtoolbox.reporting.runs.scalars import Curves, read_curves, readable_lines
from kdtoolbox.taps import LOGITS

MEASURED = 'report'  # folder below the work directory, for what `kdtoolbox report --compute` measures
RECORD, COSTS, SHARES = 'videos.npz', 'cost.json', 'gradient_shares.json'


@dataclass(frozen=True)
class Run:
    """One training.

    Args:
        work_dir: where it was trained.
        name: for tables and legends.
        config: its settings; empty where they cannot be read.
        curves: of losses and metrics.
        record: labels, features and probabilities of the test videos, if they were measured.
        costs: ``student`` or ``teacher`` -> a cost, see ``NetworkCost``; empty if not measured.
        gradient_shares: name of a loss -> its share of the gradient into the student, if measured.
        commands: that trained it, with versions and commit.
        problems: files that could not be read, in words.
    """

    work_dir: Path
    name: str
    config: Mapping = field(default_factory=dict)
    curves: Curves = field(default_factory=Curves)
    record: VideoRecord | None = None
    costs: Mapping[str, Mapping] = field(default_factory=dict)
    gradient_shares: Mapping[str, float] = field(default_factory=dict)
    commands: list[dict] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def trains_its_head(self) -> bool:
        """Whether the student's class scores were learned, by labels or by a term of logits."""
        model = self.config.get('model') or {}
        terms = [term for term in (model.get('terms') or {}).values() if term.get('weight', 1) != 0]
        taps = [tap for term in terms for tap in paths_of(term.get('student', LOGITS))]
        return (
            bool(model.get('use_labels', True))
            or any(tap == LOGITS or tap.startswith('cls_head') for tap in taps)
            or any(_asks_for_classifier(term.get('loss')) for term in terms)
        )


def _asks_for_classifier(loss: object) -> bool:
    """Whether a loss, or one in it, trains the student's own classifier."""
    if not isinstance(loss, Mapping):
        return False
    known = MODELS.get(loss['type']) if isinstance(loss.get('type'), str) else loss.get('type')
    forward = getattr(known, 'forward', None)
    takes = () if forward is None else inspect.signature(forward).parameters
    return 'student_classifier' in takes or any(map(_asks_for_classifier, loss.values()))


def read_run(work_dir: str | Path, *, name: str | None = None) -> Run:
    """Read a work directory; what is not there is left empty.

    Raises:
        ValueError: there is no such folder, or no training was in it.
    """
    folder = Path(work_dir)
    if not folder.is_dir():
        raise ValueError(f'{work_dir}: no such work directory')
    config = read_run_config(folder)
    curves = read_curves(folder)
    measured = folder / MEASURED
    if config is None and not curves.training and not (measured / RECORD).is_file():
        inner = sorted(path.parent.name for path in folder.glob('*/last_checkpoint'))
        hint = f'; the folders in it that are: {", ".join(inner)}' if inner else ''
        raise ValueError(f'{work_dir} is no work directory of a training: no config and no log in it{hint}')
    problems: list[str] = []
    return Run(
        folder,
        name or folder.resolve().name,
        config or {},
        curves,
        _read(measured / RECORD, load_record, problems),
        _read(measured / COSTS, _mapping, problems) or {},
        _read(measured / SHARES, _mapping, problems) or {},
        read_commands(folder),
        problems,
    )


def read_run_config(work_dir: Path) -> dict | None:
    """The settings of the last training in a work directory, read as data; None where there are none.

    Tests may have run there too, with a config without teachers: one beside a log of losses comes first.
    """
    files = [*work_dir.glob('*/vis_data/config.py'), *work_dir.glob('*.py')]
    files = [file for file in files if file.is_file() and file.stat().st_size <= MAX_LETTERS]
    for file in sorted(files, key=lambda file: (_is_of_training(file), file.stat().st_mtime_ns), reverse=True):
        try:
            config = read_plain_config(read_text(file))
        except ValueError:
            continue
        if config is not None and _is_config(config):
            return config
    return None


def _is_config(config: Mapping) -> bool:
    """Whether its parts are what those of a training are, as far as a report tells of them."""
    model = config.get('model')
    if not isinstance(model, dict):
        return False
    student, terms = model.get('student') or model, model.get('terms') or {}
    wrapper, terms = config.get('optim_wrapper') or {}, terms.values() if isinstance(terms, dict) else [terms]
    if not all(isinstance(part, dict) for part in (student, wrapper, *terms)):
        return False
    parts = [config.get(name) for name in ('train_dataloader', 'val_dataloader', 'test_dataloader', 'train_cfg')]
    parts += [config.get('randomness'), wrapper.get('optimizer'), model.get('teacher'), model.get('student_view')]
    parts += [student.get('backbone'), student.get('cls_head'), *(term.get('loss') for term in terms)]
    return all(part is None or isinstance(part, dict) for part in parts) and all(
        isinstance(term.get('weight', 1.0), int | float) for term in terms
    )


def _is_of_training(config: Path) -> bool:
    log = config.with_name('scalars.json')
    return any('"loss"' in line for line in readable_lines(log))


def _read(file: Path, read, problems: list[str]):
    if not file.is_file():
        return None
    try:
        return read(file)
    except ValueError as error:
        problems.append(str(error))
        return None


def _mapping(file: Path) -> dict:
    content = read_json(file, max_bytes=2**22)
    if not isinstance(content, dict):
        raise ValueError(f'{file}: expected an object in JSON')
    return content
