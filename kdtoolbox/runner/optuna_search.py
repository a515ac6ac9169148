"""Letting Optuna choose the settings of a sweep's runs."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from kdtoolbox.runner.sweep_runs import SweepRun, read_choices

RANGE = re.compile(r'(?P<key>[\w.]+)=(?P<log>log:)?(?P<low>[^,]+?)\.\.(?P<high>[^,]+)')
JOURNAL = 'optuna.log'


def search(
    choices: Sequence[str],
    run: Callable[[Mapping], SweepRun],
    *,
    num_runs: int,
    value_of: Callable[[SweepRun], float | None],
    largest: bool,
    folder: Path,
) -> list[SweepRun]:
    """Train as many runs as asked for, those of an earlier call with the same folder counted.

    Optuna's tree-structured Parzen estimator, with a fixed seed; its journal is in the folder.

    Args:
        choices: ``KEY=A,B,C``, ``KEY=LOW..HIGH`` or ``KEY=log:LOW..HIGH``; whole numbers where both ends are.
        run: settings -> the run with them.
        value_of: the run's metric; a run without one has failed.
        largest: whether the largest is the best.

    Raises:
        ValueError: Optuna is not installed, or a range is none.
    """
    try:
        import optuna
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend
    except ImportError as error:
        raise ValueError("--optuna needs Optuna: pip install 'kdtoolbox[sweep]'") from error
    ranges = {found['key']: _range(found) for choice in choices if (found := RANGE.fullmatch(choice))}
    lists = read_choices([choice for choice in choices if not RANGE.fullmatch(choice)])
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    folder.mkdir(parents=True, exist_ok=True)
    study = optuna.create_study(
        storage=JournalStorage(JournalFileBackend(str(folder / JOURNAL))),
        study_name='sweep',
        load_if_exists=True,
        direction='maximize' if largest else 'minimize',
    )
    before = [trial for trial in study.trials if len(trial.params) == len(choices)]
    study.sampler = optuna.samplers.TPESampler(seed=len(before))  # another call has other random numbers
    runs = {}

    def settle(number: int, one: SweepRun) -> None:
        runs[one.folder] = one
        value = None if one.error else value_of(one)
        state = None if value is not None else optuna.trial.TrialState.FAIL
        study.tell(number, value, state=state, skip_if_finished=True)

    for trial in before:  # what is finished is read, what was interrupted goes on
        settle(trial.number, run(_settings(trial.params, lists)))
    for _ in range(num_runs - len(before)):
        asked = study.ask()
        params: dict = {}
        for key, values in lists.items():
            params[key] = asked.suggest_categorical(key, [repr(value) for value in values])
        for key, (low, high, is_log) in ranges.items():
            if isinstance(low, int) and isinstance(high, int):
                params[key] = asked.suggest_int(key, low, high, log=is_log)
            else:
                params[key] = asked.suggest_float(key, low, high, log=is_log)
        settle(asked.number, run(_settings(params, lists)))
    return list(runs.values())


def _settings(params: Mapping, lists: Mapping[str, Sequence]) -> dict:
    """What Optuna chose, with the values that it knows by their text."""
    by_text = {key: {repr(value): value for value in values} for key, values in lists.items()}
    order = [*lists, *(key for key in params if key not in lists)]
    return {key: by_text[key][params[key]] if key in by_text else params[key] for key in order}


def _range(found: re.Match) -> tuple[float, float, bool]:
    try:
        low, high = (float(found[end]) if not found[end].isdecimal() else int(found[end]) for end in ('low', 'high'))
    except ValueError as error:
        raise ValueError(f'--set {found[0]}: the ends of a range are numbers, KEY=LOW..HIGH') from error
    if low >= high or (found['log'] and low <= 0):
        raise ValueError(f'--set {found[0]}: expected LOW below HIGH, and above 0 with log:')
    return low, high, bool(found['log'])
