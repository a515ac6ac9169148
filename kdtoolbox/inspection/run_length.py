"""How long a run is, from its config: videos, epochs, clips that are trained on, validated and tested."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil, prod

from kdtoolbox.inspection.pipelines import transforms_in
from kdtoolbox.isolation import quiet_log
from kdtoolbox.registry import DATASETS

# Training videos, test videos and classes of data sets, used where the data is not there.
KNOWN_SIZES = {
    'HMDB51Dataset': (3570, 1530, 51),
    'UCF101Dataset': (9537, 3783, 101),  # split 1
    'KineticsDataset': (240_000, 20_000, 400),
    'ActivityNetClipDataset': (15_410, 7_654, 200),  # segments
}
# Of other data sets, where they are not there.
TRAINING_SHARE = 0.7  # of the videos
VIDEOS_PER_CLASS = 100
CROPS = {'ThreeCrop': 3, 'TenCrop': 10}


@dataclass(frozen=True)
class Part:
    """The clips of one data set.

    Attributes:
        num_videos: of the data set.
        num_clips: of each video, crops counted.
        shape: (3, T, H, W) of a clip when it leaves the pipeline.
    """

    num_videos: int
    num_clips: int
    shape: tuple[int, int, int, int]


@dataclass(frozen=True)
class RunLength:
    """What a run of one process looks at.

    Attributes:
        epochs: passes over the training videos; of a run by iterations not a whole number.
        clips: trained on, in the whole run.
        clip: shape of such a clip, (3, T, H, W).
        num_validations: in the whole run.
        validation: parts of one validation.
        test: parts of the test at the end of the training; empty where there is none.
        num_checkpoints: that are written.
    """

    epochs: float
    clips: int
    clip: tuple[int, int, int, int]
    num_validations: int
    validation: tuple[Part, ...]
    test: tuple[Part, ...]
    num_checkpoints: int


def length_of(config: Mapping, *, num_videos: int | None = None) -> RunLength:
    """The length of a training.

    Args:
        config: of the run.
        num_videos: of the data set, training and test together, instead of what is on disk or known.

    Raises:
        ValueError: it trains nothing, or the size of its data is not known.
    """
    loader, loop = config.get('train_dataloader'), config.get('train_cfg')
    if not loader or not loop:
        raise ValueError('the config trains nothing: it has no train_dataloader and train_cfg')
    parts = tuple(_parts(loader['dataset'], num_videos))
    sampler = loader.get('sampler') or {}
    views = sampler.get('times', 1) if sampler.get('type') == 'RepeatedSampler' else 1
    training = replace(parts[0], num_videos=views * sum(part.num_videos for part in parts))
    batch = loader['batch_size']
    steps_an_epoch = training.num_videos // batch if loader.get('drop_last') else ceil(training.num_videos / batch)
    by_epoch = loop.get('max_epochs') is not None
    steps = loop['max_epochs'] * steps_an_epoch if by_epoch else loop['max_iters']
    rounds = loop['max_epochs'] if by_epoch else loop['max_iters']
    validates = config.get('val_cfg') is not None and bool(config.get('val_dataloader'))
    saving = (config.get('default_hooks') or {}).get('checkpoint') or {}
    return RunLength(
        epochs=steps / max(1, steps_an_epoch),
        clips=steps * batch * training.num_clips,
        clip=training.shape,
        num_validations=ceil(rounds / loop.get('val_interval', 1)) if validates else 0,
        validation=tuple(_parts(config['val_dataloader']['dataset'], num_videos)) if validates else (),
        test=tuple(_parts(config['test_dataloader']['dataset'], num_videos)) if _is_tested(config) else (),
        num_checkpoints=ceil(rounds / max(1, saving.get('interval', 1))) if saving else 0,
    )


def _is_tested(config: Mapping) -> bool:
    hooks = {hook.get('type') for hook in config.get('custom_hooks') or ()}
    datasets = [(config.get(name) or {}).get('dataset') for name in ('val_dataloader', 'test_dataloader')]
    return 'FullTestHook' in hooks and bool(datasets[1]) and datasets[0] != datasets[1]


def _parts(dataset: Mapping, num_videos: int | None) -> Iterator[Part]:
    inside = dataset.get('datasets') or ([dataset['dataset']] if isinstance(dataset.get('dataset'), Mapping) else [])
    if inside:
        times = dataset.get('times', 1)
        for one in inside:
            for part in _parts(one, num_videos):
                yield replace(part, num_videos=times * part.num_videos)
        return
    pipeline = tuple(transforms_in(dataset.get('pipeline') or ()))
    clips: list[int] = [transform['num_clips'] for transform in pipeline if 'num_clips' in transform]
    crops: int = prod(CROPS.get(str(transform.get('type')), 1) for transform in pipeline)
    shape = shape_of_clips(pipeline)
    number = clips[0] if clips else 1
    if shape[1] == 1:  # single frames are the segments of one clip
        number, shape = 1, (shape[0], number, *shape[2:])
    yield Part(_num_videos(dataset, num_videos), crops * number, shape)


def shape_of_clips(pipeline: Sequence[Mapping]) -> tuple[int, int, int, int]:
    """(3, T, H, W) that a pipeline ends with, as its sampler and its last crop or resize say; else H and W 0."""
    frames, size = 1, (0, 0)
    for transform in transforms_in(pipeline):
        frames = transform.get('clip_len', frames)
        wanted = transform.get('crop_size', transform.get('size', transform.get('scale')))
        if transform.get('type') != 'MultiScaleCrop' and wanted is not None and not isinstance(wanted, float):
            width, height = (wanted, wanted) if isinstance(wanted, int) else wanted
            size = (height, width) if min(width, height) > 0 else size
    return (3, frames, *size)


def _num_videos(dataset: Mapping, num_videos: int | None) -> int:
    """Of one data set: as told, else those on disk, else those that the data set is known to have."""
    known = KNOWN_SIZES.get(dataset.get('type', ''))
    if num_videos is None:
        try:
            with quiet_log():
                return len(DATASETS.build(dict(dataset)))
        except (ValueError, OSError):
            if known is None:
                raise ValueError(
                    f'the data of {dataset.get("type")} are not there, so the length of the run is not known: say how '
                    'many videos there are, --videos N'
                ) from None
    is_training = dataset.get('subset', 'training') == 'training'
    if num_videos is None and known is not None:
        size = known[0 if is_training else 1]
    else:
        size = round((num_videos or 0) * (TRAINING_SHARE if is_training else 1 - TRAINING_SHARE))
    classes = known[2] if known else max(1, (num_videos or 0) // VIDEOS_PER_CLASS)
    if dataset.get('labels_per_class') and dataset.get('unlabelled', 'drop') == 'drop':
        size = min(size, dataset['labels_per_class'] * classes)
    return min(size, dataset['max_per_class'] * classes) if dataset.get('max_per_class') else size
