"""Validation and test clips follow the student's input size, ``model.student_view.size``."""

from collections.abc import Mapping

from mmengine.config import Config

STUDENT_SIZE = 'model.student_view.size'
WRITTEN_FOR = (
    'validation_size'  # in a config: the student's size that its validation and test pipelines are written for
)


def follow_student_size(config: Config) -> None:
    """Scale the validation and test pipelines of a config whose student sees another size than they are written for.

    Only configs that say so, by ``validation_size``, are changed; it is then the student's size. At that size nothing
    is changed. Sizes of the first ``Resize`` of a pipeline and of what comes behind it are multiplied by the ratio of
    the two, so that the clips show the same part of the picture; what comes before it is in pixels of the video.

    Raises:
        ValueError: ``validation_size`` is no size.
    """
    written_for = config.get(WRITTEN_FOR)
    size = (config.get('model', {}).get('student_view') or {}).get('size')
    if written_for is None or size is None:
        return
    before, after = _height_and_width(written_for), _height_and_width(size)
    if before == after:
        return
    ratios = after[0] / before[0], after[1] / before[1]
    for loader in ('val_dataloader', 'test_dataloader'):
        if config.get(loader) is not None:
            config[loader] = _scaled_pipelines(config[loader].to_dict(), ratios)
    config[WRITTEN_FOR] = size


def _height_and_width(size) -> tuple[int, int]:
    pair = (size, size) if isinstance(size, int) else tuple(size) if isinstance(size, (list, tuple)) else ()
    if len(pair) != 2 or not all(isinstance(value, int) and value > 0 for value in pair):
        raise ValueError(
            f"the student's input size is {size!r} ({STUDENT_SIZE}, or {WRITTEN_FOR}, which the pipelines are written "
            'for): expected one number or (height, width), in pixels, above 0'
        )
    return pair


def _scaled_pipelines(value, ratios: tuple[float, float]):
    """A copy of a data loader's config, or of a part of it, with scaled pipelines."""
    if isinstance(value, Mapping):
        return {
            key: scaled_pipeline(item, ratios) if key == 'pipeline' else _scaled_pipelines(item, ratios)
            for key, item in value.items()
        }
    return [_scaled_pipelines(item, ratios) for item in value] if isinstance(value, list) else value


def scaled_pipeline(pipeline: list[Mapping], ratios: tuple[float, float]) -> list[dict]:
    """A copy of a pipeline for clips of other heights and widths.

    Args:
        pipeline: transforms of mmaction2's, which say (width, height).
        ratios: new height over old, new width over old.

    >>> scaled_pipeline([dict(type='Resize', scale=(171, 128)), dict(type='CenterCrop', crop_size=112)], (0.5, 0.5))
    [{'type': 'Resize', 'scale': (86, 64)}, {'type': 'CenterCrop', 'crop_size': 56}]
    """
    scaled, resized = [], False
    for transform in pipeline:
        transform = dict(transform)
        resized = resized or transform.get('type') == 'Resize'
        for key in ('scale', 'crop_size'):
            if resized and key in transform:
                transform[key] = _scaled(transform[key], ratios)
        scaled.append(transform)
    return scaled


def _scaled(size, ratios: tuple[float, float]):
    """One number for both, a factor, or (width, height), of which -1 follows from the other."""
    if isinstance(size, float):
        return size * max(ratios)
    if isinstance(size, int) and ratios[0] == ratios[1]:
        return round(size * ratios[0])
    width, height = (size, size) if isinstance(size, int) else size
    if -1 in (width, height):
        return tuple(value if value == -1 else round(value * max(ratios)) for value in (width, height))
    return round(width * ratios[1]), round(height * ratios[0])
