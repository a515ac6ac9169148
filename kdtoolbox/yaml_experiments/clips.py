"""The data of an experiment: data sets, pipelines and loaders."""

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path

DATASET_TYPES = {
    'activitynet': 'ActivityNetClipDataset',
    'kinetics': 'KineticsDataset',
    'ucf101': 'UCF101Dataset',
    'hmdb51': 'HMDB51Dataset',
}
FRAMES, VIDEOS = 'jpg_video_path', 'avi_video_path'


def normalisation(data: Mapping, dataset: Mapping, *, path: str) -> dict[str, list[float]]:
    """Mean and std of the colour channels on the scale 0-255.

    In the original code inputs are ``(x / norm_value - mean) / std``; a mean and a std of the data set are divided by
    ``norm_value`` first, those of the experiment are taken as they are. On the scale 0-255 ``norm_value`` therefore
    cancels out for the former, and the latter are multiplied by it.

    Args:
        data: ``train.data`` or ``eval.data``.
        dataset: the data set's own entry.
        path: of ``data``, in messages.

    Raises:
        ValueError: neither gives a mean, or a std.

    >>> data = {'norm_value': 255, 'mean': [0.5, 0.5, 0.5], 'std': None}
    >>> normalisation(data, {'std': [38., 37., 40.]}, path='train.data')
    {'mean': [127.5, 127.5, 127.5], 'std': [38.0, 37.0, 40.0]}
    """
    found = {}
    for key in ('mean', 'std'):
        if data[key] is not None:
            found[key] = [value * data['norm_value'] for value in data[key]]
        elif dataset[key] is not None:
            found[key] = [float(value) for value in dataset[key]]
        else:
            raise ValueError(f'{path}.{key} is missing, and the data-sets file has none for {data["name"]}')
    return found


def source(name: str, datasets: Mapping, *, prefer: str) -> dict:
    """The data set without subset and pipeline: its frames or its videos.

    Args:
        prefer: ``jpg_video_path`` or ``avi_video_path``: taken where it is given and there.

    Raises:
        ValueError: the data-sets file has no path of the data.
    """
    places = entry(name, datasets)
    root = Path(places['root_path'])
    given = {key: str(root / places[key]) for key in (prefer, FRAMES, VIDEOS) if places[key]}
    if not given or not places['annotation_path']:
        raise ValueError(
            f'the data-sets file has no paths of {name}: give {name}.annotation_path and '
            f'{name}.{FRAMES} (folders of frames) or {name}.{VIDEOS}'
        )
    chosen = next((key for key, folder in given.items() if Path(folder).is_dir()), next(iter(given)))
    return {
        'type': DATASET_TYPES[name],
        'data_root': given[chosen],
        'ann_file': str(root / places['annotation_path']),
        **({'frames': True} if chosen == FRAMES else {}),
    }


def entry(name: str, datasets: Mapping) -> Mapping:
    """The entry of a data set in the data-sets file.

    Raises:
        ValueError: there is none.
    """
    if datasets[name] is None:
        there = ', '.join(key for key, places in datasets.items() if places) or 'none'
        raise ValueError(
            f'the data-sets file has no {name}, only {there}: add it, or name another file with --datasets'
        )
    return datasets[name]


def training_pipeline(template: Sequence[Mapping], data: Mapping) -> list[dict]:
    """The pipeline with the frames, the size and the crops of ``train.data``.

    Args:
        template: a training pipeline with SampleFrames, MultiScaleCrop and Resize.
    """
    size = data['sample_size']
    scales = tuple(data['initial_scale'] * data['scale_step'] ** step for step in range(data['n_scales']))
    pipeline: list[dict] = []
    for transform in map(dict, copy.deepcopy(list(template))):
        if transform['type'] == 'SampleFrames':
            transform.update(clip_len=data['sample_duration'])
        elif transform['type'] == 'Resize':
            transform.update(scale=(size, size))
        elif transform['type'] == 'MultiScaleCrop' and data['train_crop'] == 'center':
            # mmaction2 crops at several places, never at the centre alone: the short side is resized so that the centre
            # crop of sample_size is the wanted share of it.
            transform = dict(
                type='RandomChoice',
                transforms=[
                    [dict(type='Resize', scale=(-1, round(size / scale))), dict(type='CenterCrop', crop_size=size)]
                    for scale in scales
                ],
            )
        elif transform['type'] == 'MultiScaleCrop':
            transform.update(input_size=size, scales=scales, random_crop=data['train_crop'] == 'random')
        pipeline.append(transform)
    return pipeline


def evaluation_pipeline(
    template: Sequence[Mapping], *, wanted: Mapping, student: Mapping, data: Mapping | None
) -> list[dict]:
    """The pipeline for clips that are to be normalised with ``wanted`` by a student that normalises with its own.

    Args:
        template: a pipeline with SampleClipsEvenly, Resize and CenterCrop.
        wanted: mean and std of the evaluation.
        student: mean and std of the student's preprocessor.
        data: ``train.data``: clips are as long and as large as the student was shown them; None leaves the template's.
    """
    pipeline = [dict(transform) for transform in template]
    if data is not None:
        _as_trained(pipeline, data)
    if wanted == student:
        return pipeline
    # What the student's own normalisation then turns into the wanted one: ((x - m) / s - m_student) / s_student.
    std = [new / own for new, own in zip(wanted['std'], student['std'])]
    mean = [new - own * ratio for new, own, ratio in zip(wanted['mean'], student['mean'], std)]
    shift = dict(
        type='TransformBroadcaster',
        mapping=dict(img='imgs'),
        auto_remap=True,
        transforms=[dict(type='Normalize', mean=mean, std=std, to_rgb=False)],
    )
    place = [transform['type'] for transform in pipeline].index('CenterCrop') + 1
    return [*pipeline[:place], shift, *pipeline[place:]]


def _as_trained(pipeline: Sequence[dict], data: Mapping) -> None:
    """Set the number of frames, and the pixels by what the student's size is to the template's crop."""
    by_type = {transform['type']: transform for transform in pipeline}
    pixels, crop = data['sample_size'] // 2, by_type['CenterCrop']['crop_size']
    by_type['SampleClipsEvenly']['clip_len'] = data['sample_duration']
    by_type['Resize']['scale'] = tuple(round(side * pixels / crop) for side in by_type['Resize']['scale'])
    by_type['CenterCrop']['crop_size'] = pixels


def loader(section: Mapping, dataset: Mapping, *, training: bool, num_processes: int) -> dict:
    """The data loader of one process.

    Args:
        section: ``train`` or ``eval``: ``batch_size``, that of all processes together, and ``n_threads``.

    Raises:
        ValueError: the batch cannot be shared out evenly.
    """
    if section['batch_size'] % num_processes:
        raise ValueError(
            f'{"train" if training else "eval"}.batch_size {section["batch_size"]} is that of all '
            f'{num_processes} processes together: give a multiple of {num_processes}'
        )
    return dict(
        batch_size=section['batch_size'] // num_processes,
        num_workers=section['n_threads'],
        persistent_workers=section['n_threads'] > 0,
        **({'drop_last': True} if training else {}),
        sampler=dict(type='DefaultSampler', shuffle=training),
        dataset=dict(dataset),
    )
