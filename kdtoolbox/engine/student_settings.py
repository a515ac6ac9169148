"""Settings of the student in a checkpoint: its config, its view and its test pipeline."""

from collections.abc import Mapping
from typing import TypeVar

from mmengine.config import Config

from kdtoolbox.engine.plain_values import is_plain, read_literal

Kind = TypeVar('Kind', dict, list)

# Keys in the meta of checkpoints.
STUDENT_CONFIG, STUDENT_VIEW, TEST_PIPELINE = 'student_config', 'student_view', 'student_test_pipeline'
LEARNED_CLASSES = 'student_learned_classes'  # whether anything taught its head


def settings_to_store(config: Mapping) -> dict[str, str]:
    """The student's settings for the meta of checkpoints, as literals; only plain values are stored.

    A loader that is to be safe must not have to run the config file that mmengine stores.
    """
    model = config.get('model') or {}
    known = {
        STUDENT_CONFIG: model.get('student'),
        STUDENT_VIEW: model.get('student_view'),
        TEST_PIPELINE: testing_pipeline(config),
    }
    plain = Config({key: value for key, value in known.items() if value is not None}).to_dict()
    return {key: repr(value) for key, value in plain.items() if is_plain(value)}


def student_config(checkpoint: Mapping, *, source: str = 'the checkpoint') -> dict | None:
    """The student's config as a checkpoint knows it, None if it does not.

    Args:
        source: the checkpoint's name, for messages.

    Raises:
        ValueError: what stands in its place is no config of plain values.
    """
    return _stored(checkpoint, STUDENT_CONFIG, dict, source)


def student_view(checkpoint: Mapping, *, source: str = 'the checkpoint') -> dict | None:
    """As :func:`student_config`: the arguments of the student's view in training."""
    return _stored(checkpoint, STUDENT_VIEW, dict, source)


def student_test_pipeline(checkpoint: Mapping, *, source: str = 'the checkpoint') -> list | None:
    """As :func:`student_config`: the pipeline that the student is tested with."""
    return _stored(checkpoint, TEST_PIPELINE, list, source)


def _stored(checkpoint: Mapping, key: str, kind: type[Kind], source: str) -> Kind | None:
    text = (checkpoint.get('meta') or {}).get(key)
    if text is None:
        return None
    value = read_literal(text, what=f'{source}: its {key}')
    if not isinstance(value, kind):
        raise ValueError(f'{source}: its {key} is a {type(value).__name__}, expected a {kind.__name__}')
    return value


def testing_pipeline(config: Mapping) -> list | None:
    """The pipeline that a config tests with, else validates with: that of the queries, where they have their own."""
    for name in ('test_dataloader', 'val_dataloader'):
        pending = [(config.get(name) or {}).get('dataset')]
        found = []
        while pending:
            dataset = pending.pop(0)
            if isinstance(dataset, Mapping):
                found.append(dataset)
                pending += [*dataset.get('datasets', ()), dataset.get('dataset')]
        pipelines = [
            dataset['pipeline']
            for dataset in sorted(found, key=lambda one: one.get('role') == 'gallery')
            if dataset.get('pipeline')
        ]
        if pipelines:
            return list(pipelines[0])
    return None
