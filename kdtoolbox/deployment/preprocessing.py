"""How a student sees a video file, as one JSON: for kdtoolbox to do it again, and for programs without it to copy."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from mmengine.dataset import Compose

from kdtoolbox.engine.plain_values import check_plain, refuse_unknown_types, types_in
from kdtoolbox.plain_files import read_json
from kdtoolbox.registry import TRANSFORMS

FILE = 'preprocessing.json'
FORM = 'kdtoolbox.preprocessing/1'
_SAMPLERS = ('SampleClipsEvenly', 'SampleFrames', 'UniformSample', 'DenseSampleFrames')
MAX_FRAMES = 20_000  # of a video
MAX_NUMBER = 10_000
_PICKLED = {'LoadKineticsPose', 'mmaction.LoadKineticsPose'}
_CROPS = ('CenterCrop', 'ThreeCrop', 'TenCrop')


def describe_preprocessing(pipeline: Sequence[Mapping], model: Mapping, *, modality: str = 'rgb') -> dict:
    """The content of ``preprocessing.json``.

    ``pipeline`` in it is what kdtoolbox runs; the other values say the same to people and to other programs.

    Args:
        pipeline: of the student's tests, in kdtoolbox's transforms.
        model: the config of the recognizer.
        modality: of the student's view.

    >>> pipeline = [dict(type='OpenVideo'), dict(type='SampleClipsEvenly', clip_len=8, num_clips=2, frame_stride=4),
    ...             dict(type='DecodeClip'), dict(type='Resize', scale=(-1, 64)),
    ...             dict(type='CenterCrop', crop_size=56), dict(type='FormatShape', input_format='NCTHW')]
    >>> found = describe_preprocessing(pipeline, dict(data_preprocessor=dict(mean=[0.0] * 3, std=[1.0] * 3)))
    >>> found['frames'], found['frame_stride'], found['clips'], found['size'], found['layout']
    (8, 4, 2, [56, 56], 'clips, 3, frames, height, width')
    """
    preprocessor = model.get('data_preprocessor') or {}
    sampler = next((one for one in pipeline if one.get('type') in _SAMPLERS), {})
    resize = next((one for one in pipeline if one.get('type') == 'Resize'), {})
    crop = next((one for one in pipeline if one.get('type') in _CROPS), {})
    layout = next((one.get('input_format') for one in pipeline if one.get('type') == 'FormatShape'), 'NCTHW')
    mean, std = (list(preprocessor.get(name) or default) for name, default in (('mean', [0.0] * 3), ('std', [1.0] * 3)))
    return {
        'form': FORM,
        'decoder': next((one.get('decoder', 'pyav') for one in pipeline if one.get('type') == 'OpenVideo'), None),
        'frames': sampler.get('clip_len'),
        'frame_stride': sampler.get('frame_stride', sampler.get('frame_interval', 1)),
        'clips': sampler.get('num_clips', 1),
        'clip_positions': 'evenly spaced, the middle for a single one; short videos are repeated',
        'resize': {
            'scale_width_height': _pair(resize.get('scale')),
            'keep_ratio': resize.get('keep_ratio', True),
            'interpolation': resize.get('interpolation', 'bilinear'),
        },
        'crop': crop.get('type'),
        'size': _height_and_width(crop.get('crop_size') or resize.get('scale')),
        'colour': 'BGR' if preprocessor.get('to_rgb') else 'RGB',
        'range': 'frames are 0 to 255; (frame - mean) / std',
        'mean': mean,
        'std': std,
        'layout': 'clips, 3, frames, height, width' if layout == 'NCTHW' else 'frames, 3, height, width',
        'modality': modality,
        'average_of_clips': (model.get('cls_head') or {}).get('average_clips'),
        'pipeline': [dict(transform) for transform in pipeline],
    }


def preprocessing_text(preprocessing: Mapping) -> str:
    """The text of the file."""
    return json.dumps(preprocessing, indent=2, ensure_ascii=False) + '\n'


def read_preprocessing(file: Path) -> dict:
    """Read ``preprocessing.json`` of anybody's student: data, and transforms of the registries only.

    Raises:
        ValueError: it is not there, of another form, or its pipeline names a transform that is in no registry.
    """
    content = read_json(file, max_bytes=1_000_000)
    if not isinstance(content, dict) or content.get('form') != FORM or not isinstance(content.get('pipeline'), list):
        raise ValueError(f'{file} is not of the form {FORM}: write the student again with kdtoolbox export')
    check_plain(content, what=str(file))
    content['pipeline'] = [_with_tuples(transform) for transform in content['pipeline']]
    refuse_unknown_transforms(content['pipeline'], what=str(file))
    _refuse_excess(content['pipeline'], what=str(file))
    return content


def refuse_unknown_transforms(pipeline: Sequence[Mapping], *, what: str) -> None:
    """Refuse a pipeline that names what is in no registry: mmengine would import and call it.

    Raises:
        ValueError: it does.
    """
    refuse_unknown_types(list(pipeline), set(TRANSFORMS.names()), what=what)
    if reading := sorted(types_in(list(pipeline)) & _PICKLED):
        raise ValueError(f'{what} names {reading[0]}, which reads pickles, and these could run code')


def build_pipeline(pipeline: Sequence[Mapping], *, what: str) -> Compose:
    """The transforms, in order.

    Raises:
        ValueError: one cannot be built from its settings.
    """
    try:
        return Compose([TRANSFORMS.build(dict(transform)) for transform in pipeline])
    except Exception as error:  # of whatever class it names, for whatever is wrong with its settings
        words = (str(error).strip() or type(error).__name__).splitlines()[0][:300]
        raise ValueError(f'{what}: its pipeline cannot be built ({words})') from error


def _refuse_excess(value: object, *, what: str) -> None:
    """Refuse numbers by which the memory would be filled; a clip has some frames of some hundred pixels."""
    if isinstance(value, dict):
        counts = [value.get(name, 1) for name in ('clip_len', 'num_clips')]
        if all(isinstance(count, int) for count in counts) and counts[0] * counts[1] > MAX_FRAMES:
            raise ValueError(f'{what}: {counts[1]} clips of {counts[0]} frames; expected {MAX_FRAMES} frames at most')
    if isinstance(value, (dict, list, tuple)):
        for item in value.values() if isinstance(value, dict) else value:
            _refuse_excess(item, what=what)
    elif isinstance(value, (int, float)) and abs(value) > MAX_NUMBER:
        raise ValueError(f'{what}: {value:.3g} in its pipeline; expected numbers up to {MAX_NUMBER}')


def _with_tuples(transform: object) -> dict:
    """JSON has no tuples, and mmaction2's transforms ask for them."""
    if not isinstance(transform, dict):
        raise ValueError(f'a transform is {str(transform)[:60]!r}: expected its type and its settings')
    return {key: tuple(value) if isinstance(value, list) else value for key, value in transform.items()}


def _pair(scale: object) -> list | None:
    if scale is None:
        return None
    return list(scale) if isinstance(scale, (list, tuple)) else [scale, scale]


def _height_and_width(size: object) -> list | None:
    """mmaction2 says (width, height), or one number for both; of -1 nothing is known."""
    pair = _pair(size)
    return None if pair is None or -1 in pair else pair[::-1]
