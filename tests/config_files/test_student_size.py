"""One place sets the student's input size: clips of validation and test follow it."""

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import init_default_scope

from kdtoolbox.config_files.overriding import merge_options
from kdtoolbox.config_files.reading import read_config
from kdtoolbox.config_files.student_size import scaled_pipeline
from kdtoolbox.registry import DATASETS
from tests.conftest import REPOSITORY
from tests.videos import write_hmdb51

CONFIGS = sorted(
    path
    for path in (REPOSITORY / 'configs').rglob('*.py')
    if not {'_base_', 'stages', 'demo', 'video_transformers'} & set(path.relative_to(REPOSITORY / 'configs').parts)
)
FLAGSHIP = REPOSITORY / 'configs/kd_r2d_to_r3d_hmdb51.py'
FOLLOWING = """_base_ = [{bases}]
model = dict(student_view=dict(size=56))
"""


def clips_of(config: Config, loader: str, videos, annotations) -> np.ndarray:
    """The clips of the first query, (clips, 3, T, H, W)."""
    init_default_scope('kdtoolbox')
    dataset = config[loader].dataset.datasets[-1].to_dict()
    dataset.update(data_root=str(videos), ann_file=str(annotations))
    return DATASETS.build(dataset)[0]['inputs'].numpy()


@pytest.fixture(scope='module')
def hmdb51(tmp_path_factory):
    return write_hmdb51(tmp_path_factory.mktemp('hmdb51'), used_classes=1, videos=1)


def with_size(file, size) -> Config:
    config = read_config(file)
    merge_options(config, {'model.student_view.size': size})
    return config


@pytest.mark.parametrize('file', CONFIGS, ids=lambda path: path.stem)
def test_at_the_size_that_a_config_was_shipped_with_nothing_is_changed(file):
    shipped = Config.fromfile(file)
    assert read_config(file).to_dict() == shipped.to_dict()
    assert with_size(file, shipped.model.student_view.size).to_dict() == shipped.to_dict()


@pytest.mark.parametrize('file', CONFIGS, ids=lambda path: path.stem)
def test_half_the_size_halves_the_clips_of_validation_and_test_in_every_shipped_config(file):
    shipped, half = Config.fromfile(file), with_size(file, 56)
    for loader in ('val_dataloader', 'test_dataloader'):
        pairs = zip(shipped[loader].dataset.datasets, half[loader].dataset.datasets, strict=True)
        for before, after in pairs:
            crops = [
                [transform.crop_size for transform in dataset.pipeline if 'crop_size' in transform]
                for dataset in (before, after)
            ]
            assert crops[0] and crops[1] == [size // 2 for size in crops[0]]
    assert half.train_dataloader == shipped.train_dataloader


def test_validation_clips_have_the_pixels_of_the_students_view(hmdb51):
    assert clips_of(read_config(FLAGSHIP), 'val_dataloader', *hmdb51).shape == (2, 3, 16, 112, 112)
    assert clips_of(with_size(FLAGSHIP, 56), 'test_dataloader', *hmdb51).shape == (10, 3, 16, 56, 56)
    assert clips_of(with_size(FLAGSHIP, [48, 64]), 'val_dataloader', *hmdb51).shape == (2, 3, 16, 48, 64)


def test_test_clips_that_are_larger_than_the_view_keep_the_ratio(hmdb51):
    file = REPOSITORY / 'configs/finetune_r3d_hmdb51.py'
    assert clips_of(read_config(file), 'test_dataloader', *hmdb51).shape == (30, 3, 16, 128, 128)
    assert clips_of(with_size(file, 56), 'test_dataloader', *hmdb51).shape == (30, 3, 16, 64, 64)


def test_smaller_clips_show_the_same_part_of_the_picture(hmdb51):
    large = clips_of(read_config(FLAGSHIP), 'val_dataloader', *hmdb51).astype(float)
    small = clips_of(with_size(FLAGSHIP, 56), 'val_dataloader', *hmdb51).astype(float)
    pooled = large.reshape(*large.shape[:3], 56, 2, 56, 2).mean((4, 6))
    assert abs(pooled - small).mean() < 0.5 * abs(pooled[..., 2:] - small[..., :-2]).mean()


def test_the_variable_in_a_config_file_does_what_the_option_does(tmp_path, hmdb51):
    folder = REPOSITORY / 'configs/_base_'
    parts = ('default_runtime', 'datasets/hmdb51', 'students/r3d18', 'schedules/sgd_120e')
    file = tmp_path / 'experiment.py'
    file.write_text(FOLLOWING.format(bases=', '.join(repr(f'{folder / name}.py') for name in parts)))
    config = read_config(file)
    assert config.val_dataloader == with_size(FLAGSHIP, 56).val_dataloader
    assert clips_of(config, 'val_dataloader', *hmdb51).shape[-2:] == (56, 56)
    config.dump(tmp_path / 'dumped.py')  # as a run leaves it: read again, it is not scaled twice
    assert read_config(tmp_path / 'dumped.py').val_dataloader == config.val_dataloader


def test_what_an_option_says_of_a_pipeline_stands():
    config = read_config(FLAGSHIP)
    crop = 'val_dataloader.dataset.datasets.1.pipeline.4.crop_size'
    merge_options(config, {crop: 60, 'model.student_view.size': 56})
    pipelines = [dataset.pipeline for dataset in config.val_dataloader.dataset.datasets]
    assert [pipeline[4].crop_size for pipeline in pipelines] == [56, 60]
    assert [tuple(pipeline[3].scale) for pipeline in pipelines] == [(86, 64)] * 2


def test_a_config_that_does_not_say_what_size_its_pipelines_are_for_is_left_alone():
    config = read_config(FLAGSHIP)
    config._cfg_dict.pop('validation_size')
    before = config.val_dataloader.to_dict()
    merge_options(config, {'model.student_view.size': 56})
    assert config.val_dataloader.to_dict() == before


def test_crops_ahead_of_the_first_resize_are_in_pixels_of_the_video():
    pipeline = [dict(type='CenterCrop', crop_size=56), dict(type='Resize', scale=(32, 32), keep_ratio=False)]
    assert [list(one.values())[1] for one in scaled_pipeline(pipeline, (0.5, 0.5))] == [56, (16, 16)]


def test_a_side_that_follows_from_the_other_stays_open():
    pipeline = [dict(type='Resize', scale=(-1, 128)), dict(type='ThreeCrop', crop_size=128)]
    assert scaled_pipeline(pipeline, (0.5, 0.75))[0]['scale'] == (-1, 96)
    assert scaled_pipeline(pipeline, (0.5, 0.75))[1]['crop_size'] == (96, 64)


@pytest.mark.parametrize('size', [0, -1, [56], 'large', 56.5])
def test_what_is_no_size_is_refused_with_what_is_expected(size):
    with pytest.raises(ValueError, match=r'model\.student_view\.size.*expected one number or \(height, width\)'):
        with_size(FLAGSHIP, size)
