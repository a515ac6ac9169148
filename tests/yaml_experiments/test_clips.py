"""What a network sees of a clip in an experiment: normalisation, crops, frames or videos."""

import numpy as np
import pytest
import torch
from mmcv.transforms import Compose

from kdtoolbox.registry import TRANSFORMS
from kdtoolbox.views import View
from tests.yaml_experiments.minimal import MEANS, STD, datasets, put, simple, translated


def train_transform(config, kind):
    return next(one for one in config['train_dataloader']['dataset']['pipeline'] if one['type'] == kind)


def as_the_original(frames, *, norm_value, mean, std):
    """(x / norm_value - mean) / std, channels last."""
    return (frames / norm_value - np.array(mean)) / np.array(std)


@pytest.mark.parametrize('norm_value', [1, 255])
def test_the_data_sets_own_colours_do_not_depend_on_norm_value(norm_value):
    frames = np.random.default_rng(0).integers(0, 256, (2, 4, 4, 3))
    mean, std = ([value / norm_value for value in values] for values in (MEANS['ucf101'], STD))
    config = translated(put(simple(), 'train.data.norm_value', norm_value))
    view = View(size=4, **{key: config['model']['teacher']['view'][key] for key in ('mean', 'std')})
    seen = view.render(torch.from_numpy(frames).permute(3, 0, 1, 2)[None])[0].permute(1, 2, 3, 0).numpy()
    expected = as_the_original(frames, norm_value=norm_value, mean=mean, std=std)
    np.testing.assert_allclose(seen, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    'norm_value, mean, std',
    [(255, [0, 0, 0], [1, 1, 1]), (255, [0.5, 0.4, 0.3], [0.2, 0.2, 0.3]), (1, [110, 100, 90], [40, 38, 37])],
)
def test_the_experiments_colours_count_after_the_division_by_norm_value(norm_value, mean, std):
    data = {'name': 'ucf101', 'norm_value': norm_value, 'mean': mean, 'std': std}
    config = translated(simple(data=data))
    frames = np.random.default_rng(0).integers(0, 256, (2, 4, 4, 3))
    student, teacher = config['model']['student']['data_preprocessor'], config['model']['teacher']['view']
    for network in (student, teacher):
        seen = (frames - np.array(network['mean'])) / np.array(network['std'])
        np.testing.assert_allclose(seen, as_the_original(frames, norm_value=norm_value, mean=mean, std=std), atol=1e-9)


@pytest.mark.parametrize(
    'data', [{}, {'mean': [0.5, 0.4, 0.3], 'std': [0.2, 0.25, 0.3]}, {'norm_value': 1, 'std': [1, 1, 1]}]
)
def test_evaluation_has_a_normalisation_of_its_own(data):
    data = {'norm_value': 255, **data}
    config = translated(put(simple(), 'eval.data', {'name': 'hmdb51', **data}))
    shift = next(
        one
        for one in config['val_dataloader']['dataset']['datasets'][0]['pipeline']
        if one['type'] == 'TransformBroadcaster'
    )
    frames = list(np.random.default_rng(0).integers(0, 256, (3, 4, 4, 3), dtype=np.uint8))
    shifted = TRANSFORMS.build(shift)(dict(imgs=frames))['imgs']
    student = config['model']['student']['data_preprocessor']
    seen = (np.stack(shifted) - np.array(student['mean'])) / np.array(student['std'])
    mean, std = ([value / data['norm_value'] for value in values] for values in (MEANS['hmdb51'], STD))
    expected = as_the_original(np.stack(frames), **{'mean': mean, 'std': std, **data})
    np.testing.assert_allclose(seen, expected, rtol=1e-4, atol=1e-4)


def test_evaluation_with_the_same_normalisation_has_the_plain_pipeline():
    config = translated(put(simple(), 'eval.data.name', 'ucf101'))
    types = [one['type'] for one in config['val_dataloader']['dataset']['datasets'][0]['pipeline']]
    assert types == [
        'OpenVideo',
        'SampleClipsEvenly',
        'DecodeClip',
        'Resize',
        'CenterCrop',
        'FormatShape',
        'PackActionInputs',
    ]


def test_without_training_the_student_has_the_normalisation_of_the_evaluation():
    config = translated(put(simple(), 'train', ...))
    assert config['model']['student']['data_preprocessor']['mean'] == MEANS['hmdb51']
    assert 'TransformBroadcaster' not in str(config)


def test_a_mean_that_nobody_gives_is_missed():
    places = put(datasets(), 'ucf101.mean', ...)
    with pytest.raises(ValueError, match=r'train\.data\.mean is missing, and the data-sets file has none for ucf101'):
        translated(simple(), places=places)
    translated(put(simple(), 'train.data.mean', [0, 0, 0]), places=places)


def test_the_clip_is_as_long_and_as_large_as_asked_and_the_student_gets_half():
    config = translated(simple(data={'name': 'ucf101', 'sample_size': 160, 'sample_duration': 8}))
    assert train_transform(config, 'SampleFrames')['clip_len'] == 8
    assert train_transform(config, 'SampleFrames')['out_of_bound_opt'] == 'loop'
    assert train_transform(config, 'Resize')['scale'] == (160, 160)
    assert config['model']['teacher']['view']['size'] == 160
    assert config['model']['student_view'] == dict(size=80)


@pytest.mark.parametrize('crop, is_random', [('corner', False), ('random', True)])
def test_crops_are_square_of_all_scales(crop, is_random):
    data = {'name': 'ucf101', 'train_crop': crop, 'initial_scale': 0.8, 'n_scales': 3, 'scale_step': 0.5}
    transform = train_transform(translated(simple(data=data)), 'MultiScaleCrop')
    assert transform['scales'] == pytest.approx((0.8, 0.4, 0.2))
    assert transform['random_crop'] is is_random
    assert (transform['max_wh_scale_gap'], transform['num_fixed_crops']) == (0, 5)


def test_centre_crops_show_the_middle_at_each_scale():
    data = {'name': 'ucf101', 'train_crop': 'center', 'n_scales': 2, 'scale_step': 0.5, 'sample_size': 32}
    transform = TRANSFORMS.build(train_transform(translated(simple(data=data)), 'RandomChoice'))
    assert isinstance(transform.transforms[0], Compose)
    columns = np.broadcast_to(np.arange(120, dtype=np.uint8)[None, :, None], (80, 120, 3)).copy()
    for chosen, share in zip(transform.transforms, (1, 0.5)):
        seen = chosen(dict(imgs=[columns.copy()], img_shape=(80, 120)))['imgs'][0]
        assert seen.shape == (32, 32, 3)
        span = float(seen[0, -1, 0]) - float(seen[0, 0, 0])
        assert span == pytest.approx(80 * share * 31 / 32, abs=2)
        assert seen[..., 0].mean() == pytest.approx(59.5, abs=1)


def test_training_reads_frames_and_evaluation_videos_where_both_are_there(tmp_path):
    places = datasets(**{name: {**datasets()[name], 'root_path': str(tmp_path)} for name in ('ucf101', 'hmdb51')})
    for folder in ('jpg', 'avi'):
        (tmp_path / folder).mkdir()
    config = translated(simple(), places=places)
    train, gallery = config['train_dataloader']['dataset'], config['val_dataloader']['dataset']['datasets'][0]
    assert (train['data_root'], train.get('frames')) == (f'{tmp_path}/jpg', True)
    assert (gallery['data_root'], gallery.get('frames')) == (f'{tmp_path}/avi', None)
    assert train['ann_file'] == f'{tmp_path}/annotations'


@pytest.mark.parametrize('only', ['jpg', 'avi'])
def test_the_folder_that_is_there_is_taken_for_both(tmp_path, only):
    places = datasets(**{name: {**datasets()[name], 'root_path': str(tmp_path)} for name in ('ucf101', 'hmdb51')})
    (tmp_path / only).mkdir()
    config = translated(simple(), places=places)
    for dataset in (config['train_dataloader']['dataset'], config['val_dataloader']['dataset']['datasets'][1]):
        assert dataset['data_root'] == f'{tmp_path}/{only}'
        assert dataset.get('frames', False) == (only == 'jpg')


@pytest.mark.parametrize(
    'name, kind',
    [
        ('activitynet', 'ActivityNetClipDataset'),
        ('kinetics', 'KineticsDataset'),
        ('ucf101', 'UCF101Dataset'),
        ('hmdb51', 'HMDB51Dataset'),
    ],
)
def test_every_data_set_can_be_trained_on(name, kind):
    dataset = translated(simple(data={'name': name}))['train_dataloader']['dataset']
    assert (dataset['type'], dataset['subset']) == (kind, 'training')
    assert dataset['data_root'].startswith(f'/data/{name}/')


def test_evaluation_looks_for_test_videos_among_training_videos():
    config = translated(simple())
    assert [
        (one['type'], one['subset'], one['role'], one['test_mode'])
        for one in config['val_dataloader']['dataset']['datasets']
    ] == [('HMDB51Dataset', 'training', 'gallery', True), ('HMDB51Dataset', 'validation', 'query', True)]
    pipeline = {one['type']: one for one in config['val_dataloader']['dataset']['datasets'][0]['pipeline']}
    assert pipeline['SampleClipsEvenly'] == dict(type='SampleClipsEvenly', clip_len=16, num_clips=10, frame_stride=1)
    assert pipeline['Resize']['scale'] == (171, 128) and pipeline['CenterCrop']['crop_size'] == 112


def test_a_data_set_without_a_place_is_missed():
    with pytest.raises(ValueError, match='has no hmdb51, only activitynet, kinetics, ucf101'):
        translated(simple(), places=put(datasets(), 'hmdb51', ...))
    with pytest.raises(ValueError, match=r'no paths of ucf101: give ucf101\.annotation_path'):
        translated(simple(), places=put(datasets(), 'ucf101.annotation_path', ''))


@pytest.mark.parametrize('size, duration, scale', [(224, 16, (171, 128)), (160, 8, (122, 91)), (256, 32, (195, 146))])
@pytest.mark.parametrize('own_colours', [False, True])
def test_evaluation_shows_the_student_clips_as_long_and_large_as_training_does(size, duration, scale, own_colours):
    content = simple(data={'name': 'ucf101', 'sample_size': size, 'sample_duration': duration})
    config = translated(content if own_colours else put(content, 'eval.data.name', 'ucf101'))
    assert config['model']['student_view'] == dict(size=size // 2)
    for loader in ('val_dataloader', 'test_dataloader'):
        for dataset in config[loader]['dataset']['datasets']:
            pipeline = {one['type']: one for one in dataset['pipeline']}
            assert ('TransformBroadcaster' in pipeline) == own_colours
            assert pipeline['SampleClipsEvenly']['clip_len'] == duration
            assert pipeline['CenterCrop']['crop_size'] == size // 2 and pipeline['Resize']['scale'] == scale
