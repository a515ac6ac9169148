"""Checkpoints: safe to load, without teachers, and loaded strictly."""

from collections.abc import Collection, Mapping
from logging import Logger
from pathlib import Path

import numpy as np
import torch
from mmengine.hooks import CheckpointHook, EarlyStoppingHook, Hook
from mmengine.logging import HistoryBuffer
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner, find_latest_checkpoint
from torch import nn

from kdtoolbox.engine.checkpoint_saving import drop_code
from kdtoolbox.engine.student_settings import LEARNED_CLASSES, settings_to_store, student_config
from kdtoolbox.hidden_tokens import other_tokens
from kdtoolbox.inspection.real_batch import trains_its_head
from kdtoolbox.registry import HOOKS
from kdtoolbox.safe_files import load_safely

STUDENT = 'student.'
CRITERION = 'criterion.'
EARLY_STOPPING = 'early_stopping'  # in meta: what mmengine's hook does not store
CLASSIFIER = 'cls_head.fc_cls.'  # of mmaction2's heads


@HOOKS.register_module()
class PlainCheckpointHook(Hook):
    """Write checkpoints that ``torch.load(weights_only=True)`` reads, and load them strictly.

    mmengine pickles its message hub into the checkpoint, which safe loading refuses; here it is stored as plain
    numbers and lists and put together again on loading (drop that half when mmengine > 0.10.7 stores it so). mmengine
    also loads with ``strict=False``: a checkpoint of another model would be skipped in silence.

    A checkpoint of the student alone (exported, or of plain mmaction2) can be given to ``load_from`` too.

    Args:
        replace_head: fine-tune. ``load_from`` is any checkpoint with a student; its classifier, ``cls_head.fc_cls``, is
            left out and that of the model stays as it was initialised, for classes of its own. All the rest of the
            student is loaded, or nothing. A resumed training keeps its head.
    """

    priority = 'VERY_LOW'  # after the EMA hook has put its weights in and taken them out

    def __init__(self, *, replace_head: bool = False) -> None:
        self.replace_head = replace_head

    def before_train(self, runner: Runner) -> None:
        if self.replace_head and not runner._has_loaded:
            runner.logger.warning(
                'Nothing was loaded: the student starts from random weights, as a baseline. To '
                'fine-tune one, name its checkpoint: --cfg-options load_from=student.pth'
            )

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        checkpoint['message_hub'] = _to_plain(checkpoint['message_hub'])
        if 'param_schedulers' in checkpoint:
            checkpoint['param_schedulers'] = _without_functions(checkpoint['param_schedulers'])
        checkpoint['meta'].update(settings_to_store(runner.cfg))
        checkpoint['meta'][EARLY_STOPPING] = [
            {'best_score': float(hook.best_score), 'wait_count': int(hook.wait_count)}
            for hook in _early_stopping(runner)
        ]
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        checkpoint['meta'][LEARNED_CLASSES] = trains_its_head(model)

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        source = runner._load_from or find_latest_checkpoint(runner.work_dir) or ''
        check_form(checkpoint, what=f'the checkpoint {source}')
        drop_code(checkpoint)
        if runner._resume and not {'message_hub', 'optimizer'} <= checkpoint.keys():
            raise ValueError(
                f'{source} is no checkpoint of training but weights alone, such as an exported '
                'student: training cannot be resumed from it. Start from it: load_from without resume (in an '
                'experiment of the original schema model.s_pretrain_path)'
            )
        if 'message_hub' in checkpoint:
            checkpoint['message_hub'] = _from_plain(checkpoint['message_hub'])
        if runner._resume:
            for hook, waiting in zip(_early_stopping(runner), checkpoint.get('meta', {}).get(EARLY_STOPPING) or ()):
                hook.best_score, hook.wait_count = waiting['best_score'], waiting['wait_count']
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        expected = model.state_dict()
        state = checkpoint.get('state_dict', checkpoint)
        if self.replace_head and not runner._resume:
            _warn_of_other_normalisation(runner, checkpoint)
            checkpoint['state_dict'] = state = _with_new_head(state, expected, logger=runner.logger)
        elif not any(name.startswith(STUDENT) for name in state) and any(name.startswith(STUDENT) for name in expected):
            runner.logger.info('The checkpoint holds the student alone; learned connectors start from random weights.')
            state = {f'{STUDENT}{name}': value for name, value in state.items()}
            state.update({name: value for name, value in expected.items() if not name.startswith(STUDENT)})
            checkpoint['state_dict'] = state
        check_same_tensors(
            state,
            {name: value for name, value in expected.items() if name in state or name not in own_tensors(model)},
            what=f'the checkpoint {source}',
            model=type(model).__name__,
            growing=growing_tensors(model),
        )


class BareWeightsHook(Hook):
    """Puts a state dict that is the whole of a file where checkpoints have it, and where EMAHook looks for it."""

    priority = 'HIGHEST'

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        if 'state_dict' not in checkpoint:
            state = dict(checkpoint)
            checkpoint.clear()
            checkpoint['state_dict'] = state


def stop_before_saving(runner: Runner) -> None:
    """Have early stopping hear of a validation before checkpoints do: where it is the best one, the checkpoint that was
    written before it is written again, and has what early stopping knows.
    """
    early = _early_stopping(runner)
    others = [hook for hook in runner.hooks if hook not in early]
    place = next((place for place, hook in enumerate(others) if isinstance(hook, CheckpointHook)), len(others))
    runner._hooks[:] = [*others[:place], *early, *others[place:]]


def _early_stopping(runner: Runner) -> list[EarlyStoppingHook]:
    return [hook for hook in runner.hooks if isinstance(hook, EarlyStoppingHook)]


def load_checkpoint(file: str | Path) -> dict:
    """Read a training checkpoint, or weights alone, safely, and check its form.

    Raises:
        ValueError: the file is not there, not safe, or not of that form.
    """
    checkpoint = load_safely(file, what='checkpoint')
    check_form(checkpoint, what=f'checkpoint {file}')
    return checkpoint


def check_form(checkpoint: Mapping, *, what: str) -> None:
    """Raise ValueError unless ``meta``, where there is one, is a dict and ``state_dict`` has tensors by their names."""
    state, meta = checkpoint.get('state_dict', checkpoint), checkpoint.get('meta') or {}
    if not isinstance(meta, Mapping):
        raise ValueError(f'{what}: its meta is a {type(meta).__name__}, expected a dict')
    if not isinstance(state, Mapping):
        raise ValueError(f'{what}: its state_dict is a {type(state).__name__}, expected a dict of tensors')
    unfit = [name for name in state if not isinstance(name, str)]
    if 'state_dict' in checkpoint:
        unfit += [name for name, value in state.items() if not isinstance(value, torch.Tensor)]
    if unfit:
        raise ValueError(f'{what}: its state_dict holds {str(unfit[0])[:60]!r}, expected tensors by their names')


def student_state_dict(checkpoint: Mapping) -> dict[str, torch.Tensor]:
    """The student's tensors, by their names in the plain recognizer, of a training or an exported checkpoint."""
    state = checkpoint.get('state_dict', checkpoint)
    student = {name.removeprefix(STUDENT): value for name, value in state.items() if name.startswith(STUDENT)}
    return student or {name: value for name, value in state.items() if not name.startswith(CRITERION)}


def growing_tensors(model: nn.Module) -> set[str]:
    """The buffers that have a row for each video that was seen; their modules name them as ``growing_buffers``."""
    return _named_by_modules(model, 'growing_buffers')


def own_tensors(model: nn.Module) -> set[str]:
    """Those that a checkpoint may lack: their modules name them as ``own_tensors``, and say so when they are loaded."""
    return _named_by_modules(model, 'own_tensors')


def _named_by_modules(model: nn.Module, attribute: str) -> set[str]:
    named = {path: getattr(module, attribute, ()) for path, module in model.named_modules()}
    return {f'{path}.{name}' for path, names in named.items() for name in names}


def check_same_tensors(
    state: Mapping, expected: Mapping, *, what: str, model: str, growing: Collection[str] = ()
) -> None:
    """Raise ValueError unless both have the same names and shapes; the message names the first differences.

    Args:
        growing: names of those that may have any shape.
    """
    missing, unexpected = sorted(expected.keys() - state.keys()), sorted(state.keys() - expected.keys())
    misshapen = [
        f'{name} {tuple(state[name].shape)} instead of {tuple(expected[name].shape)}'
        for name in sorted(expected.keys() & state.keys())
        if state[name].shape != expected[name].shape and name not in growing
    ]
    if missing or unexpected or misshapen:
        if not missing and not unexpected and (tokens := other_tokens(state, expected)):
            raise ValueError(f'{what} is of another model than this {model}: {tokens}')
        raise ValueError(
            f'{what} is of another model than this {model}: missing {missing[:4]} ({len(missing)}), '
            f'unexpected {unexpected[:4]} ({len(unexpected)}), of another shape {misshapen[:4]} '
            f'({len(misshapen)}). Use the config it was trained with; if only its student is wanted, export it '
            'first (kdtoolbox export-student).'
        )


def _with_new_head(state: Mapping, expected: Mapping, *, logger: Logger) -> dict[str, torch.Tensor]:
    """The student of ``state`` without its classifier; all other tensors from ``expected``."""
    prefix = STUDENT if any(name.startswith(STUDENT) for name in expected) else ''
    fresh = {name: value for name, value in expected.items() if name.startswith(f'{prefix}{CLASSIFIER}')}
    if not fresh:
        raise ValueError(
            f'replace_head=True replaces {CLASSIFIER}*, which this student has not: its tensors are '
            f'{[name for name in expected if "cls_head" in name]}'
        )
    fresh |= {name: value for name, value in expected.items() if not name.startswith(prefix)}
    student = {f'{prefix}{name}': value for name, value in student_state_dict({'state_dict': state}).items()}
    dropped = [f'{name} {tuple(value.shape)}' for name, value in student.items() if name in fresh]
    logger.info(
        f'A new head: {", ".join(dropped) or "no classifier"} of the checkpoint is not loaded; '
        f'{", ".join(f"{name} {tuple(value.shape)}" for name, value in fresh.items())} starts from random weights.'
    )
    return {**{name: value for name, value in student.items() if not name.startswith(f'{prefix}{CLASSIFIER}')}, **fresh}


def _warn_of_other_normalisation(runner: Runner, checkpoint: Mapping) -> None:
    """Warn if the student was trained with another normalisation, which its tensors do not show."""
    learned = (student_config(checkpoint) or {}).get('data_preprocessor')
    learned = learned if isinstance(learned, Mapping) else {}
    model = runner.cfg.get('model', {})
    now = model.get('student', model).get('data_preprocessor', {})
    unlike = {
        key: (learned[key], now.get(key))
        for key in ('mean', 'std')
        if isinstance(learned.get(key), (list, tuple)) and list(learned[key]) != list(now.get(key) or ())
    }
    if unlike:
        runner.logger.warning(
            'The student learned on frames normalised otherwise than now, (then, now): '
            f'{unlike}. Give its data_preprocessor the values it learned with.'
        )


_BUFFER = 'HistoryBuffer'


def _without_functions(state: object) -> object:
    """States of schedules without OneCycleLR's function, which the one that is built to go on has anyway."""
    if isinstance(state, Mapping):
        return {name: _without_functions(value) for name, value in state.items() if not callable(value)}
    return [_without_functions(value) for value in state] if isinstance(state, list) else state


def _to_plain(value):
    if isinstance(value, HistoryBuffer):
        values, counts = value.data
        return {_BUFFER: [values.tolist(), counts.tolist()], 'max_length': value.max_length}
    if isinstance(value, Mapping):
        return {key: _to_plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [_to_plain(item) for item in value]
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    return value


def _from_plain(value):
    if isinstance(value, dict):
        if _BUFFER in value:
            return HistoryBuffer(*value[_BUFFER], max_length=value['max_length'])
        return {key: _from_plain(item) for key, item in value.items()}
    return value
