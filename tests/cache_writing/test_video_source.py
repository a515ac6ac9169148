"""A cache is written of the very pixels that the training shows."""

import cv2
import pytest
import torch
from mmengine.registry import init_default_scope

from kdtoolbox.cache_writing.video_source import VideoSource
from kdtoolbox.registry import DATASETS
from tests.cache_writing.scenario import NUM_VIEWS, training_config, write_videos


def as_frames(videos, folder):
    """The folders of frames that the preparation makes of videos."""
    for file in videos.rglob('*.avi'):
        target = folder / file.parent.name / file.stem
        target.mkdir(parents=True)
        video, number = cv2.VideoCapture(str(file)), 0
        while (frame := video.read())[0]:
            number += 1
            cv2.imwrite(str(target / f'image_{number:05}.jpg'), frame[1])
        (target / 'n_frames').write_text(str(number))
    return folder


@pytest.mark.parametrize('kind', ['videos', 'frames', 'segments'])
def test_the_pixels_of_a_view_are_those_that_a_training_clip_with_its_keys_shows(kind, data, tmp_path):
    videos = write_videos(tmp_path / 'videos')
    config = training_config(videos, tmp_path, {})
    dataset = config.train_dataloader.dataset
    if kind == 'frames':
        dataset.update(data_root=str(as_frames(videos, tmp_path / 'frames')), frames=True)
    if kind == 'segments':
        videos, annotations = data['activitynet']
        dataset.update(type='ActivityNetClipDataset', data_root=str(videos), ann_file=str(annotations))
    init_default_scope('kdtoolbox')
    source, trained_on = VideoSource(config), DATASETS.build(dataset.to_dict())
    assert len(source.sample_ids) == len(trained_on) > 1
    seen = set()
    for epoch in range(4):
        trained_on.set_epoch(epoch)
        for index in range(0, len(trained_on), 3):
            packed = trained_on[index]
            keys = packed['data_samples'].frame_keys
            opened = source.open(keys.sample_id)
            assert (opened.source, opened.decoder) == (keys.source, keys.decoder)
            whole = source.in_view(source.decoded(keys.sample_id, range(opened.total_frames)), keys.view)
            assert torch.equal(whole[:, :, list(keys.frames)], packed['inputs'])
            seen.add((keys.sample_id, keys.view))
    assert {view for _, view in seen} == set(range(NUM_VIEWS))
    assert len({keys for keys, _ in seen}) < len(seen)  # some video in several views


def test_a_pipeline_without_spatial_views_is_refused(tmp_path):
    config = training_config(write_videos(tmp_path / 'videos'), tmp_path, {})
    del config.train_dataloader.dataset.pipeline[3]
    init_default_scope('kdtoolbox')
    with pytest.raises(ValueError, match='DecodeClip and SpatialViews; FolderDataset has OpenVideo, SampleFrames'):
        VideoSource(config)
